/** The user's own images from training to a report, whether their counts are known or not. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { emptyScenes, encodePng, type SceneSet, writeNpz } from "@air-onnx/scenes";
import { afterAll, describe, expect, it } from "vitest";
import { tinyModel, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

const own = ["--dataset", "npz", "--set", "model.imageSize=12", "--set", "model.objectSize=6"];

/** Images of 0 to 2 bright squares, of which the first `labelled` have a count. */
function squares(size: number, labelled: number): SceneSet {
  const scenes = emptyScenes(size, 12, 1, 2, labelled);
  for (let i = 0; i < size; i++) {
    const count = i % 3;
    if (i < labelled) scenes.counts[i] = count;
    for (let object = 0; object < count; object++) {
      for (let pixel = 0; pixel < 9; pixel++) {
        const [row, column] = [1 + 5 * object + Math.floor(pixel / 3), 1 + (i % 8) + (pixel % 3)];
        scenes.images[i * 144 + row * 12 + column] = 255;
      }
    }
  }
  return scenes;
}

/** The lines of a run's log that are evaluations. */
function evaluations(run: string): Record<string, unknown>[] {
  const lines = readFileSync(place.at(run, "metrics.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ kind }) => kind === "evaluation");
}

/** These runs are too short to find objects of which images could be composed. */
const alone = ["--set", "composition=null"];

it("a run and a model are named after the images, and may have any number of steps", async () => {
  await writeNpz(place.at("my plates.npz"), squares(40, 40));
  const run = [...alone, "--steps", "25", "--evaluate-every", "12", "--test-fraction", "0.2", ...own, ...tinyModel];
  const trained = await place.runHere(["train", "--data", "my plates.npz", ...run]);
  expect(trained).toMatchObject({ code: 0, stderr: "" });
  expect(trained.stdout).toContain("Next: air-onnx export runs/my-plates-seed0");
  expect(evaluations("runs/my-plates-seed0").map(({ step }) => step)).toEqual([12, 24, 25]);
  const exported = await place.runHere(["export", "runs/my-plates-seed0", "--force"]);
  expect(exported.stdout).toContain("Model: models/my-plates");
  expect(exported.stdout).toContain("Next: air-onnx eval models/my-plates --data 'my plates.npz'");
});

it("a path alone is trained on, a finished run is extended, and what is no images is named as what it is", async () => {
  const path = "counts of mine";
  const pixels = squares(12, 0);
  mkdirSync(place.at(path));
  for (let i = 0; i < 12; i++) {
    const data = pixels.images.slice(i * 144, (i + 1) * 144);
    writeFileSync(place.at(path, `${i}.png`), encodePng({ width: 12, height: 12, channels: 1, data }));
  }
  const run = [...alone, "--steps", "10", "--no-guess", ...own.slice(2), ...tinyModel];
  const trained = await place.runHere(["train", path, ...run]);
  expect(trained).toMatchObject({ code: 0, stderr: "" });
  expect(trained.stdout).toContain(
    "Training images as the model sees them: runs/counts-of-mine-seed0/pictures/training-images.png",
  );
  const extended = await place.runHere(["train", "--resume", "runs/counts-of-mine-seed0", "--extend", "10"]);
  expect(extended).toMatchObject({ code: 0, stderr: "" });
  expect(evaluations("runs/counts-of-mine-seed0").map(({ step }) => step)).toEqual([10, 20]);
  const table = readFileSync(place.at("runs/counts-of-mine-seed0/metrics.csv"), "utf8").trim().split("\n");
  expect(table[0]).toMatch(/^step,kind,/);
  expect(table.at(-1)).toMatch(/^20,evaluation,/);

  const exported = await place.runHere(["export", "runs/counts-of-mine-seed0", "--force"]);
  expect(exported.code, exported.stderr).toBe(0);
  expect(exported.stdout).toContain("Next: air-onnx infer models/counts-of-mine 'counts of mine' --out found");
  const { training } = JSON.parse(readFileSync(place.at("models/counts-of-mine/config.json"), "utf8"));
  expect(training.heldOut).toEqual({ fit: "tiles", fitSize: 12, fitScale: 1, seed: 0, testFraction: 0.1 });

  writeFileSync(place.at("x.npy"), "");
  for (const [args, message] of [
    [["runs/counts-of-mine-seed0"], "it is a run folder. To go on with the run: --resume runs/counts-of-mine-seed0"],
    [["none"], "nothing is there. Give a folder of PNG, JPEG, WebP or TIFF images, or an NPZ file"],
    [["cells"], "To train on the data set of that name: --dataset cells"],
    [["x.npy"], "save it as an NPZ file"],
    [["--dataset", "npz"], "say where it is, by air-onnx train FILE.npz or --data FILE.npz"],
    [["--dataset", "png-folder"], "say where it is, by air-onnx train FOLDER or --data FOLDER"],
    [[path, "--dataset", "cells"], "Data set cells is drawn: leave out --dataset"],
    [[path, "--data", "other"], "Two paths of images"],
    [[path, "--resume", "runs/counts-of-mine-seed0"], "A resumed run goes on with its images"],
    [["--extend", "5"], "--extend needs --resume"],
  ] as const) {
    const refused = await place.runHere(["train", ...args]);
    expect(refused, refused.stderr).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain(message);
  }
});

it("images that training scaled are scaled alike by infer and eval, also those of other folders", async () => {
  const pixels = squares(12, 0);
  for (const folder of ["large", "others"]) {
    mkdirSync(place.at(folder));
    for (let i = 0; i < 12; i++) {
      // Twice as large as the images of the model.
      const data = Uint8Array.from({ length: 24 * 24 }, (_, pixel) => {
        const [row, column] = [Math.floor(pixel / 24), pixel % 24];
        return pixels.images[i * 144 + 12 * Math.floor(row / 2) + Math.floor(column / 2)]!;
      });
      writeFileSync(place.at(folder, `${i}.png`), encodePng({ width: 24, height: 24, channels: 1, data }));
    }
  }
  const run = [...alone, "--fit-scale", "0.5", "--steps", "5", "--no-guess", ...own.slice(2), ...tinyModel];
  const trained = await place.runHere(["train", "large", ...run]);
  expect(trained.code, trained.stderr).toBe(0);
  expect(trained.stderr).toContain(
    "large: 12 images of 24x24 pixels are scaled by 0.5 and put on their own ground, 12x12 [--fit, --fit-scale, --fit-size]",
  );
  expect(await place.runHere(["export", "runs/large-seed0", "--force"])).toMatchObject({ code: 0 });
  const { pictures, training } = JSON.parse(readFileSync(place.at("models/large/config.json"), "utf8"));
  expect([pictures, training.heldOut]).toMatchObject([
    { fit: "tiles", scale: 0.5 },
    { fitScale: 0.5, fitSize: 12 },
  ]);
  const found = await place.runHere(["infer", "models/large", "others", "--csv", "found.csv"]);
  expect(found.stderr).toContain("Images of 24x24 are scaled by 0.5 to fit into 12x12");
  const measured = await place.runHere(["eval", "models/large", "--data", "others"]);
  expect(measured.code, measured.stderr).toBe(0);
  expect(measured.stderr).toContain("others: 12 images of 24x24 pixels are scaled by 0.5");
  const ownScale = await place.runHere(["infer", "models/large", "others", "--fit", "tiles", "--csv", "found.csv"]);
  expect(ownScale.stderr).toContain("Images of 24x24 are inferred at their own scale in ");
});

it("a run that cannot start leaves no folder", async () => {
  await writeNpz(place.at("other.npz"), squares(10, 0));
  const wrong = ["--dataset", "npz", "--data", "other.npz", "--steps", "20", "--set", "model.imageSize=16"];
  const failed = await place.runHere(["train", ...wrong, "--set", "model.objectSize=6", ...tinyModel]);
  expect(failed.code, failed.stderr).toBe(1);
  expect(failed.stderr).toContain("The model takes images of 16x16 with 1 channel(s), but those of npz are 12x12");
  expect(existsSync(place.at("runs/other-seed0"))).toBe(false);
});

describe("images without counts", () => {
  it("are trained on, evaluated by their bound, exported, measured and reported", async () => {
    await writeNpz(place.at("tiles.npz"), squares(40, 0));
    const run = ["--out", "runs/tiles", ...alone, "--steps", "20", "--set", "testFraction=0.2", ...own, ...tinyModel];
    const trained = await place.runHere(["train", "--data", "tiles.npz", ...run]);
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    expect(trained.stdout).toContain(
      "32 images to train on, 8 held out without counts (evaluations are the bound, reconstructions and pictures)",
    );
    expect(trained.stdout).toMatch(/^Step 20: ELBO .* on 8 held-out images/m);
    expect(trained.stdout).toMatch(/^Counts found: .* not measured: no true count is known\.$/m);
    expect(trained.stdout).not.toMatch(/NaN|count accuracy/);
    expect(existsSync(place.at("runs/tiles/pictures/step-00000020.png"))).toBe(true);
    const [evaluation] = evaluations("runs/tiles");
    expect(evaluation).toMatchObject({ images: 8, elbo: expect.any(Number) });
    expect(Object.keys(evaluation!).filter((key) => key.startsWith("count"))).toEqual([]);

    const exported = await place.runHere(["export", "runs/tiles", "--out", "models/tiles"]);
    expect(exported.code).toBe(0);
    const { metrics } = JSON.parse(readFileSync(place.at("models/tiles/config.json"), "utf8"));
    expect(Object.keys(metrics).filter((key: string) => /count(?!$)|box/i.test(key) && key !== "klCount")).toEqual([]);
    expect(readFileSync(place.at("models/tiles/README.md"), "utf8")).toContain(
      "How well it counts was not measured: no true count of its images is known.",
    );

    const measured = await place.runHere(["eval", "runs/tiles", "--out", "runs/tiles/evaluation"]);
    expect(measured).toMatchObject({ code: 0, stderr: "" });
    expect(measured.stdout).toMatch(/^Counts +not measured \(the true ones are not known\)$/m);
    const record = JSON.parse(readFileSync(place.at("runs/tiles/evaluation/evaluation.json"), "utf8"));
    expect(record).not.toHaveProperty("countAccuracyMap");
    expect(record).not.toHaveProperty("confusion");
    expect(existsSync(place.at("runs/tiles/evaluation/confusion.png"))).toBe(false);
    const page = readFileSync(place.at("runs/tiles/evaluation/report.md"), "utf8");
    expect(page).toContain("Not measured: the true counts of these images are not known.");
    expect(page).not.toContain("confusion.png");

    const reported = await place.runHere(["report", "runs/tiles", "--out", "report.html"]);
    expect(reported).toMatchObject({ code: 0, stderr: "" });
    const html = readFileSync(place.at("report.html"), "utf8");
    expect(html).toContain("How many are right is not measured: no true count is known.");
    expect(html).toContain("Step by step");
    // The bytes of a picture may spell anything.
    const words = html.replaceAll(/base64,[A-Za-z0-9+/=]+/g, "");
    expect(words).not.toMatch(/Mistakes|NaN|undefined|count accuracy/i);

    const described = await place.runHere(["data", "npz", "--data", "tiles.npz", "--picture", "tiles.png"]);
    expect(described).toMatchObject({ code: 0, stderr: "" });
    expect(described.stdout).toMatch(/^held out +4 +4$/m);
    expect(existsSync(place.at("tiles.png"))).toBe(true);
  });

  it("are counted where some have one", async () => {
    await writeNpz(place.at("some.npz"), squares(40, 5));
    const run = ["--out", "runs/some", ...alone, "--steps", "20", "--test-fraction", "0.2", ...own, ...tinyModel];
    const trained = await place.runHere(["train", "--data", "some.npz", ...run]);
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    expect(trained.stdout).toContain(
      "32 images to train on, 8 held out (counts are measured on the 5 whose count is known)",
    );
    expect(trained.stdout).toMatch(
      /^Step 20: MAP count accuracy .* on 8 held-out images, counts on the 5 whose true count/m,
    );
    const described = await place.runHere(["data", "npz", "--data", "some.npz", "--npz", "copy.npz"]);
    expect(described.stdout).toMatch(
      /^ +12x12, grey +images +with 0 +with 1 +with 2 +without a count$|12x12, grey .* without a count/m,
    );
    const copied = await place.runHere(["data", "npz", "--data", "copy.npz"]);
    expect(copied.stdout).toMatch(/^held out +4 +\d +\d +\d +0$/m);
  });
});
