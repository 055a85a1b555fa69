import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Outcome, tiny, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

let trained: Outcome;
let exported: Outcome;
beforeAll(async () => {
  trained = await place.run(["train", ...tiny, "--steps", "40", "--out", "run"]);
  exported = await place.run([
    "export",
    "run",
    "--out",
    "model",
    "--name",
    "tiny",
    "--images",
    "20",
    "--backend",
    "cpu",
  ]);
  mkdirSync(place.at("images"));
  writePng("images/dark.png", 50, () => 0);
  writePng("images/square.png", 50, (x, y) => (x > 10 && x < 25 && y > 20 && y < 35 ? 255 : 0));
  writePng("large.png", 64, () => 0);
}, 120_000);

function writePng(name: string, side: number, level: (x: number, y: number) => number): void {
  const png = new PNG({ width: side, height: side });
  for (let at = 0; at < side * side; at++) {
    png.data.fill(level(at % side, Math.floor(at / side)), 4 * at, 4 * at + 3);
    png.data[4 * at + 3] = 255;
  }
  writeFileSync(place.at(name), PNG.sync.write(png));
}

function sizeOfPng(name: string): { width: number; height: number } {
  const { width, height } = PNG.sync.read(readFileSync(place.at(name)));
  return { width, height };
}

/** Of a model that was exported with few held-out images. */
const cannotTell =
  "notice: This model cannot tell images that are unlike its training data: its config.json has no typicality.\n";

/** The words on standard error, without the total of `infer`, which stands there when standard output has its JSON. */
function withoutTotal(stderr: string): string {
  return stderr.replace(/^notice: \d+ images: .*\n/m, "");
}

/** Runs a command in this process, as {@link succeed} does in another. */
async function succeedHere(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.runHere(args);
  expect({ code, stderr: withoutTotal(stderr) }).toEqual({ code: 0, stderr: args[0] === "infer" ? cannotTell : "" });
  return stdout;
}

/** The standard output of a command that must succeed without an unexpected word on standard error. */
async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.run(args);
  expect({ code, stderr: withoutTotal(stderr) }).toEqual({ code: 0, stderr: args[0] === "infer" ? cannotTell : "" });
  return stdout;
}

async function fail(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.runHere(args);
  expect(stderr).not.toContain("    at ");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  return stderr;
}

describe("convert", () => {
  it("writes a model folder in another form, measured anew where its weights lose precision", async () => {
    const { code, stdout, stderr } = await place.runHere([
      ...["convert", "model", "--out", "small", "--weights", "int8", "--opset", "17", "--input", "uint8"],
      ...["--license", "CC-BY-4.0"],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^onnx\/scene\.onnx: \d+\.\d\d MB$/m);
    expect(stdout).toMatch(/^Counted right: [\d.]+ % of \d+ held-out images, [\d.]+ % before$/m);
    const manifest = JSON.parse(readFileSync(place.at("small/config.json"), "utf8"));
    expect(manifest).toMatchObject({ weights: "int8", opset: 17, license: "CC-BY-4.0" });
    expect(manifest.files.scene.input).toBe("uint8");
    const before = JSON.parse(readFileSync(place.at("model/config.json"), "utf8"));
    expect(manifest.files.step.size).toBeLessThan(0.75 * before.files.step.size);
    expect(readFileSync(place.at("small/README.md"), "utf8")).toContain("weights stored as float32, which counted");
  });

  it("refuses an opset that cannot be written, and a folder that exists", async () => {
    const { code, stderr } = await place.runHere(["convert", "model", "--out", "other", "--opset", "16"]);
    expect(code).toBe(2);
    expect(stderr).toContain("from 17 to 21");
    expect(await fail("convert", "model", "--out", "model")).toContain("Replace it by --overwrite");
  });
});

describe("export", () => {
  it("writes a model folder and the parity of every graph", () => {
    expect(trained.stderr).toBe("");
    const [typicality, scores, ...others] = exported.stderr.split("\n");
    expect(typicality).toBe(
      "notice: The exported model cannot tell images that are unlike its training data: " +
        "that is fitted to at least 100 held-out images, and there are 60.",
    );
    expect(scores).toMatch(
      /^notice: The scores of the exported model's objects are their presences: .* and there are \d+\.$/,
    );
    expect(others).toEqual([""]);
    expect(exported.code).toBe(0);
    for (const graph of ["encoder", "step", "decoder", "loop"]) {
      expect(exported.stdout).toMatch(new RegExp(`^${graph} .* ok$`, "m"));
    }
    const manifest = JSON.parse(readFileSync(place.at("model/config.json"), "utf8"));
    expect(manifest).toMatchObject({ name: "tiny", training: { dataset: "multi-strokes", seed: 0, steps: 40 } });
    expect(manifest.training.heldOut).toEqual({ testSize: 60, seed: 0, maxCount: 2, imageSize: 50 });
    expect(manifest.metrics).toMatchObject({ images: 60, elbo: expect.any(Number), klWhere: expect.any(Number) });
    const card = readFileSync(place.at("model/README.md"), "utf8");
    expect(card).toContain("Command: `air-onnx train --dataset multi-strokes");
    expect(card).toContain("Parity on 20 held-out images");
  });

  it("refuses a folder that exists", async () => {
    const stderr = await fail("export", "run", "--out", "model");
    expect(stderr).toContain("model exists already");
    expect(stderr).toContain("Replace it by --overwrite, or choose another folder by --out.");
  });

  it("exports no model whose differences exceed the tolerance", async () => {
    const args = ["export", "run", "--out", "strict", "--images", "10", "--backend", "cpu", "--tolerance", "1e-12"];
    const { code, stdout, stderr } = await place.runHere(args);
    expect(code).toBe(1);
    expect(stdout).toContain("TOO FAR");
    expect(stderr).toContain("nothing was exported");
    expect(existsSync(place.at("strict"))).toBe(false);
  });
});

describe("export --training", () => {
  it("writes the files with which a training runs without this program", async () => {
    const stdout = await succeedHere("export", "run", "--training");
    expect(stdout).toMatch(/^training\.onnx +[\d,]+ +steps 1 to 40, up to 3 objects$/m);
    expect(stdout).toMatch(/^Training files: training\/multi-strokes, [\d,]+ bytes of graphs for 40 steps$/m);
    const folder = place.at("training/multi-strokes");
    const manifest = JSON.parse(readFileSync(`${folder}/training.json`, "utf8"));
    expect(manifest).toMatchObject({ steps: 40, batchSize: 4, data: { dataset: "multi-strokes" } });
    expect(readdirSync(folder).sort()).toEqual(["evaluation.onnx", "templates", "training.json", "training.onnx"]);
    expect(readFileSync(`${folder}/training.onnx`)).toHaveLength(manifest.stages[0].file.size);

    expect(await fail("export", "run", "--training")).toContain("Replace it by --overwrite");
    expect(await succeedHere("export", "run", "--training", "--overwrite")).toBe(stdout);
  });

  it("refuses what training files cannot say, and writes nothing", async () => {
    cpSync(place.at("run"), place.at("augmented"), { recursive: true });
    const config = JSON.parse(readFileSync(place.at("run/config.json"), "utf8"));
    const augmentation = { flips: true };
    writeFileSync(place.at("augmented/config.json"), JSON.stringify({ ...config, augmentation }));
    const { code, stdout, stderr } = await place.runHere(["export", "augmented", "--training", "--out", "none"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/Training files cannot be made of this configuration: augmentation must be null/);
    expect(existsSync(place.at("none"))).toBe(false);
    expect(await fail("export", "nowhere", "--training")).toContain("nowhere is not a run folder");
  });
});

describe("a run that does not count", () => {
  it("is exported with --force alone, and its report shows the alert", async () => {
    cpSync(place.at("run"), place.at("collapsed"), { recursive: true });
    const message = "100 % of the held-out images get the count 0. Try another seed.";
    const alert = { step: 40, kind: "alert", alert: "one-count", message };
    appendFileSync(place.at("collapsed/metrics.jsonl"), `${JSON.stringify(alert)}\n`);
    const args = ["export", "collapsed", "--out", "forced", "--images", "10", "--backend", "cpu"];
    const refused = await fail(...args);
    expect(refused).toContain("collapsed has not learned to count: nothing was exported");
    expect(refused).toContain(message);
    expect(refused).toContain("The flag is --force.");
    expect(existsSync(place.at("forced"))).toBe(false);
    const forced = await place.runHere([...args, "--force"]);
    expect(forced.code).toBe(0);
    expect(forced.stderr).toContain(`notice: Exported though the run has not learned to count: ${message}`);
    expect(existsSync(place.at("forced/config.json"))).toBe(true);
    expect((await place.runHere(["report", "collapsed"])).code).toBe(0);
    expect(readFileSync(place.at("collapsed/report.html"), "utf8")).toContain(`Alert at step 40: ${message}`);
  });

  it("is exported if only an earlier evaluation was alerted to, or another alert came", async () => {
    for (const [name, alert] of [
      ["early", { step: 20, alert: "one-count" }],
      ["overfitted", { step: 40, alert: "overfitting" }],
    ] as const) {
      cpSync(place.at("run"), place.at(name), { recursive: true });
      appendFileSync(
        place.at(name, "metrics.jsonl"),
        `${JSON.stringify({ kind: "alert", message: "It is so.", ...alert })}\n`,
      );
      const args = ["export", name, "--out", `${name}-model`, "--images", "10", "--backend", "cpu"];
      expect((await place.runHere(args)).code).toBe(0);
    }
  });
});

describe("eval", () => {
  it("prints numbers and the confusion matrix of a run", async () => {
    const stdout = await succeedHere("eval", "run", "--picture", "pictures/run.png");
    expect(stdout).toMatch(/count accuracy .* on 60 held-out images/);
    expect(stdout).toMatch(/^true count +images +MAP count accuracy .*found 0 +found 1 +found 2 +found 3$/m);
    expect(stdout).toMatch(/^ {2}KL of where +-?\d/m);
    expect(stdout).toContain("not measured (--iwae 100)");
    expect(existsSync(place.at("pictures/run.png"))).toBe(true);
  });

  it("gives the same numbers for an exported model as for its run, on its card, and at the end of its training", async () => {
    const iwae = ["--iwae", "3", "--iwae-images", "20"];
    const run = JSON.parse(await succeedHere("eval", "run", "--json", ...iwae));
    const model = JSON.parse(await succeed("eval", "model", "--json", ...iwae));
    expect(model).toMatchObject({ images: 60, differences: [], confusion: run.confusion });
    expect(model.importanceWeighted).toMatchObject({ samples: 3, images: 20 });
    for (const part of ["elbo", "logLikelihood", "klWhere", "klWhat", "klCount", "countAccuracySampled"]) {
      expect(model[part]).toBeCloseTo(run[part], 6);
    }
    for (const number of ["bound", "standardError", "effectiveSamples", "analyticKlFormula"]) {
      expect(model.importanceWeighted[number]).toBeCloseTo(run.importanceWeighted[number], 6);
    }
    expect(model.boxes.meanIou).toBeCloseTo(run.boxes.meanIou, 6);
    const { metrics } = JSON.parse(readFileSync(place.at("model/config.json"), "utf8"));
    expect(metrics.elbo).toBeCloseTo(model.elbo, 6);
    const log = readFileSync(place.at("run/metrics.jsonl"), "utf8").trim().split("\n");
    const last = log.map((line) => JSON.parse(line)).findLast(({ kind }) => kind === "evaluation");
    expect(last).toMatchObject({ images: 60, countAccuracyMap: run.countAccuracyMap });
    // The evaluation of training runs another graph of the same functions.
    expect(last.elbo).toBeCloseTo(run.elbo, 1);
  });

  it("writes a report with its pictures, which the noise's seed changes", async () => {
    const stdout = await succeedHere("eval", "model", "--out", "evaluation/first", "--images", "30", "--seed", "1");
    expect(stdout).toContain("Report: evaluation/first/report.md");
    // The tiny model finds no object, so there is no reliability of scores to draw.
    const names = ["confusion.png", "evaluation.json", "report.md", "scenes.png", "worst.png"];
    expect(readdirSync(place.at("evaluation/first")).toSorted()).toEqual(names);
    const record = JSON.parse(readFileSync(place.at("evaluation/first/evaluation.json"), "utf8"));
    expect(record).toMatchObject({
      dataset: "multi-strokes",
      data: { testSize: 60, maxCount: 2 },
      images: 30,
      seed: 1,
    });
    expect(record.software).toHaveProperty("onnxruntime-node");
    const report = readFileSync(place.at("evaluation/first/report.md"), "utf8");
    expect(report).toMatch(new RegExp(`^\\| ELBO +\\| +${record.elbo.toFixed(2)} ±`, "m"));
    const other = JSON.parse(await succeedHere("eval", "model", "--json", "--images", "30", "--seed", "2"));
    expect(other.elbo).not.toBe(record.elbo);
    expect(other.boxes).toEqual(record.boxes);
  });

  it("measures only the first images if asked", async () => {
    expect(JSON.parse(await succeedHere("eval", "run", "--json", "--images", "7")).images).toBe(7);
  });

  it("refuses wrong flags and folders that cannot be measured", async () => {
    const usage = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await place.runHere(["eval", ...args]);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await usage("run", "--iwae", "0")).toContain("It must be a whole number of at least 1");
    expect(await usage("run", "--iwae-images", "10")).toContain("--iwae-images needs --iwae");
    expect(await usage("run", "--device", "cuda")).toContain("a run is measured on the cpu");
    expect(await fail("eval", "model", "--out", "large.png")).toContain("Cannot make the folder large.png");
    expect(existsSync(place.at("model/report.md"))).toBe(false);
  });
});

describe("eval on other images than the model's own", () => {
  it("says so", async () => {
    for (const path of ["run", "model"]) {
      const stdout = await succeedHere("eval", path, "--test-size", "20", "--data-seed", "3", "--max-count", "2");
      expect(stdout).toContain("Images of testSize 20; the model's own evaluation is on testSize 60.");
      expect(stdout).toContain("Images of seed 3; the model's own evaluation is on seed 0.");
      expect(stdout).not.toContain("maxCount");
    }
  });

  it("says that an older model does not name its own images", async () => {
    cpSync(place.at("model"), place.at("older"), { recursive: true });
    const manifest = JSON.parse(readFileSync(place.at("older/config.json"), "utf8"));
    delete manifest.training.heldOut;
    writeFileSync(place.at("older/config.json"), JSON.stringify(manifest));
    const stdout = await succeedHere("eval", "older", "--test-size", "20");
    expect(stdout).toContain("does not say which images of multi-strokes");
    expect(stdout).toContain("on 20 held-out images");
  });

  it("takes the user's own file", async () => {
    await succeedHere("data", "multi-strokes", "--train-size", "15", "--test-size", "5", "--npz", "other.npz");
    const other = ["--dataset", "npz", "--data", "other.npz", "--test-fraction", "0.5"];
    for (const path of ["run", "model"]) {
      const measured = JSON.parse(await succeedHere("eval", path, "--json", ...other));
      expect(measured).toMatchObject({ dataset: "npz", split: "test", images: 10 });
      expect(measured.differences).toEqual(["Images of npz; the model's own evaluation is on multi-strokes."]);
    }
    const { code, stderr } = await place.runHere(["eval", "model", "--dataset", "npz"]);
    expect(code).toBe(2);
    expect(stderr).toContain("say where they are by --data");
  });

  it("needs neither their counts nor their boxes, and says what is not measured", async () => {
    mkdirSync(place.at("counted"));
    for (const name of ["dark.png", "square.png"]) {
      const grey = PNG.sync.write(PNG.sync.read(readFileSync(place.at("images", name))), { colorType: 0 });
      writeFileSync(place.at("counted", name), grey);
    }
    const args = ["eval", "model", "--dataset", "png-folder", "--data", "counted", "--test-fraction", "0.5"];
    expect(await succeedHere(...args)).toContain("no true count is known");
    writeFileSync(place.at("counted/counts.csv"), "file,count\ndark.png,0\nsquare.png,1\n");
    expect(await succeedHere(...args)).toContain("not measured (the true ones are not known)");
  });

  it("refuses a data set without fresh images, and one of another size", async () => {
    expect(await fail("eval", "run", "--split", "fresh")).toContain("multi-strokes has no fresh images");
    const sprites = ["--dataset", "multi-dsprites-64", "--test-size", "5"];
    expect(await fail("eval", "run", ...sprites)).toContain("takes images of 50x50 with 1 channel(s)");
  });
});

describe("infer", () => {
  it("prints JSON for a folder of images", async () => {
    const scenes = JSON.parse(await succeed("infer", "model", "images"));
    expect(scenes.map(({ file }: { file: string }) => file)).toEqual(["images/dark.png", "images/square.png"]);
    for (const scene of scenes) {
      expect(scene.countProbabilities.reduce((sum: number, p: number) => sum + p, 0)).toBeCloseTo(1, 5);
      expect(scene.objects).toHaveLength(scene.count);
      for (const { tightBox } of scene.objects) {
        expect(Object.keys(tightBox)).toEqual(["xmin", "ymin", "xmax", "ymax"]);
        for (const edge of Object.values(tightBox)) expect(edge).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it("leaves out objects that explain nothing, unless told not to", async () => {
    const [all, needed] = [
      JSON.parse(await succeedHere("infer", "model", "images", "--no-prune")),
      JSON.parse(await succeedHere("infer", "model", "images")),
    ];
    // A black image has no objects, so everything that an unfinished model finds in it is pruned.
    expect(needed[0]).toMatchObject({ file: "images/dark.png", count: 0, objects: [] });
    for (const [i, scene] of needed.entries()) {
      expect(scene.objects).toHaveLength(scene.count);
      // Without the objects left out, more of the image belongs to the others.
      for (const { tightBox: _, ...object } of scene.objects) {
        expect(all[i].objects).toContainEqual(expect.objectContaining(object));
      }
    }
  });

  it("writes pictures, JSON and latents", async () => {
    const args = ["images/square.png", "--out", "annotated", "--windows", "--json", "out/scenes.json", "--latents"];
    await succeedHere("infer", "model", ...args, "--mode", "sample", "--seed", "3");
    expect(readdirSync(place.at("annotated"))).toEqual(["square.png"]);
    expect(sizeOfPng("annotated/square.png")).toEqual({ width: 50, height: 50 });
    const [scene] = JSON.parse(readFileSync(place.at("out/scenes.json"), "utf8"));
    for (const object of scene.objects) expect(object.zWhat).toHaveLength(4);
  });

  it("answers images of any size, in tables and pictures of their own size, and skips a file that cannot be used", async () => {
    mkdirSync(place.at("mixed"));
    cpSync(place.at("images/square.png"), place.at("mixed/=square.png"));
    cpSync(place.at("large.png"), place.at("mixed/large.png"));
    writeFileSync(place.at("mixed/text.png"), "not an image");
    const tables = ["--csv", "tables/counts.csv", "--objects-csv", "tables/objects.csv", "--out", "boxes"];
    const { code, stdout, stderr } = await place.runHere(["infer", "model", "mixed", ...tables]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      "notice: Images of 64x64 are inferred at their own scale in 4 overlapping tiles of 50x50. [--fit, --fit-scale]",
    );
    expect(stderr).toMatch(/^notice: mixed\/text\.png is skipped: it is not a readable PNG image/m);
    expect(stderr).toContain("error: 1 of 3 files could not be used: mixed/text.png");
    expect(stdout).toMatch(/^2 images: \d+ objects, [\d.]+ an image \(classical count: 1\), 1 file skipped$/m);
    expect(stdout).toContain("Written: tables/counts.csv, tables/objects.csv, boxes");
    const [header, square, large, text, end] = readFileSync(place.at("tables/counts.csv"), "utf8").split("\r\n");
    expect(header).toBe("file,count,classical_count,mean_size,width,height,tiles,typical,unlike_tiles,error");
    expect(square).toMatch(/^mixed\/=square\.png,\d+,1,[\d.]*,50,50,1,,,$/);
    expect(large).toMatch(/^mixed\/large\.png,0,0,,64,64,4,,,$/);
    expect(text).toMatch(/^mixed\/text\.png,,,,,,,,,.*not a readable PNG/);
    expect(end).toBe("");
    expect(readFileSync(place.at("tables/objects.csv"), "utf8")).toMatch(
      /^file,object,xmin,ymin,xmax,ymax,score,presence\r\n/,
    );
    expect(readdirSync(place.at("tables"))).toEqual(["counts.csv", "objects.csv"]);
    expect(readdirSync(place.at("boxes"))).toEqual(["=square.png", "large.png"]);
    expect(sizeOfPng("boxes/large.png")).toEqual({ width: 64, height: 64 });
  });

  it("scales an image, or refuses another size, when told to", async () => {
    const scaled = await place.runHere(["infer", "model", "large.png", "--fit", "scale"]);
    expect(scaled.stderr).toContain("Images of 64x64 are scaled by 0.781 to fit into 50x50.");
    expect(JSON.parse(scaled.stdout)).toMatchObject([{ file: "large.png", width: 64, tiles: 1, scale: 0.78125 }]);
    const exact = await place.runHere(["infer", "model", "images", "large.png", "--fit", "exact"]);
    expect(exact.code).toBe(1);
    expect(exact.stderr).toContain("large.png is skipped: it is 64x64, this model takes 50x50");
    expect(JSON.parse(exact.stdout)).toHaveLength(2);
  });

  it("names a folder without images, and a file that is no image", async () => {
    mkdirSync(place.at("empty"));
    expect(await fail("infer", "model", "empty")).toContain("The folder empty has no images");
    writeFileSync(place.at("text.png"), "not an image");
    expect(await fail("infer", "model", "text.png")).toContain("text.png is skipped: it is not a readable PNG image");
  });

  it("says what it is that was given in place of a model", async () => {
    expect(await fail("infer", "run", "images")).toMatch(
      /run is the folder of a run, not of a model\. Make a model of it first: .* export run/,
    );
    expect(await fail("infer", "model/onnx/step.onnx", "images")).toContain("Give the folder instead: model");
    expect(await fail("infer", "nowhere", "images")).toContain("There is no model folder nowhere");
    expect(await fail("infer", "images", "images")).toContain("images is not the folder of a model");
    expect(await fail("infer", "images/dark.png", "images")).toContain("The model's folder comes first");
    expect(await fail("infer", "model/config.json", "images")).toContain("Give its folder instead: model");
  });

  it("names a damaged graph", async () => {
    cpSync(place.at("model"), place.at("damaged"), { recursive: true });
    truncateSync(place.at("damaged/onnx/step.onnx"), 1000);
    expect(await fail("infer", "damaged", "images")).toMatch(/damaged\/onnx\/step\.onnx is truncated/);
  });

  it("says why a device is missing", async () => {
    const { devices } = JSON.parse((await place.runHere(["doctor", "--json"])).stdout) as {
      devices: { device: string; available: boolean }[];
    };
    // On a machine with a GPU, the command succeeds.
    const cuda = devices.find(({ device }) => device === "cuda")!;
    if (cuda.available) await succeedHere("infer", "model", "images", "--device", "cuda");
    else
      expect(await fail("infer", "model", "images", "--device", "cuda")).toContain(
        'The device "cuda" is not available',
      );
  });
});

describe("infer on images unlike the training data", () => {
  it("names them, in a line and in the JSON", async () => {
    cpSync(place.at("model"), place.at("telling"), { recursive: true });
    const config = JSON.parse(readFileSync(place.at("model/config.json"), "utf8"));
    const typicality = { images: 1000, falseAlarms: 0.01, limits: { unexplained: 9000, thickness: 5 } };
    writeFileSync(place.at("telling/config.json"), JSON.stringify({ ...config, typicality }));
    const { code, stdout, stderr } = await place.runHere(["infer", "telling", "images"]);
    expect(code).toBe(0);
    // A square of 14 pixels has half their side as its thickness: 2 · 14² / (4 · 14).
    expect(withoutTotal(stderr)).toBe(
      "notice: images/square.png is unlike anything this model was trained on: its count is a guess " +
        "(thickness 7.0, typical up to 5.0).\n",
    );
    expect(JSON.parse(stdout)).toMatchObject([
      { file: "images/dark.png", typical: true },
      { file: "images/square.png", typical: false, typicality: { thickness: { value: 7, limit: 5 } } },
    ]);
    const sampled = await place.runHere(["infer", "telling", "images", "--mode", "sample"]);
    expect(withoutTotal(sampled.stderr)).toBe(
      "notice: Whether the images are like the training data is not judged with --mode sample.\n",
    );
    for (const scene of JSON.parse(sampled.stdout)) expect(scene).not.toHaveProperty("typical");
  });
});

describe("sample", () => {
  it("writes one picture", async () => {
    expect(await succeed("sample", "model", "--n", "3", "--count", "1")).toBe("Picture: samples.png\n");
    const { width, height } = sizeOfPng("samples.png");
    expect(width).toBeGreaterThan(height);
  });

  it("draws from the prior that was fitted at export, and says so, unless a prior or a count is given", async () => {
    const line =
      /^Presence prior 0\.\d{3}, fitted to held-out images; that of training is 0\.01\nPicture: samples\.png\n$/;
    expect(await succeedHere("sample", "model", "--n", "2")).toMatch(line);
    expect(await succeedHere("sample", "model", "--n", "2", "--presence-prior", "0.2")).toBe("Picture: samples.png\n");
  });

  it("draws the same picture for the same seed, and another one for another seed", async () => {
    const draw = async (seed: string, out: string): Promise<Buffer> => {
      await succeedHere("sample", "model", "--n", "4", "--count", "2", "--seed", seed, "--out", out);
      return readFileSync(place.at(out));
    };
    const first = await draw("1", "first.png");
    expect(await draw("1", "again.png")).toEqual(first);
    expect(await draw("2", "other.png")).not.toEqual(first);
  });
});

describe("data and doctor", () => {
  it("prints how many images have how many objects", async () => {
    const stdout = await succeed(
      "data",
      "multi-strokes",
      "--train-size",
      "200",
      "--test-size",
      "60",
      "--picture",
      "d.png",
    );
    const counts = /^held out +60 +(\d+) +(\d+) +(\d+)$/m.exec(stdout)!.slice(1).map(Number);
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(60);
    expect(existsSync(place.at("d.png"))).toBe(true);
  });

  it("writes a set that it reads back with the same counts", async () => {
    const sizes = ["--train-size", "40", "--test-size", "10", "--max-count", "1"];
    const drawn = await succeedHere("data", "multi-strokes", ...sizes, "--npz", "mine.npz");
    expect(drawn).toContain("NPZ: mine.npz");
    const read = await succeedHere("data", "npz", "--data", "mine.npz", "--test-fraction", "0.2");
    expect(read).toMatch(/^npz: 40 images to train on, 10 held out/);
    const withNone = (text: string): number =>
      [...text.matchAll(/^(?:train|held out) +\d+ +(\d+) +\d+$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    expect(withNone(read)).toBe(withNone(drawn));
    expect(withNone(read)).toBeGreaterThan(0);
  });

  it("writes the first held-out images as PNG files with their counts, into a new folder alone", async () => {
    const args = ["data", "multi-strokes", "--train-size", "5", "--test-size", "12", "--png", "pngs", "--n", "11"];
    expect(await succeedHere(...args)).toContain("PNG: 11 images in pngs");
    const read = await succeedHere("data", "png-folder", "--data", "pngs", "--test-fraction", "0.2");
    expect(read).toMatch(/^png-folder: 9 images to train on, 2 held out, /);
    expect(readFileSync(place.at("pngs", "counts.csv"), "utf8")).toMatch(/^file,count\n00\.png,[012]\n/);
    const again = await place.runHere(args);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("Cannot write images to pngs: the folder is not empty");
  });

  it("calls a stream endless, and refuses to write it", async () => {
    const args = ["data", "multi-dsprites-64", "--stream", "--test-size", "5", "--patch-size", "12"];
    const stdout = await succeedHere(...args);
    expect(stdout).toMatch(/^multi-dsprites-64: endless images to train on, 5 held out/);
    expect(stdout).toMatch(/^train +endless +\? +\? +\?$/m);
    const { code, stderr } = await place.runHere([...args, "--npz", "endless.npz"]);
    expect(code).toBe(1);
    expect(stderr).toContain("a stream has no end");
    expect(existsSync(place.at("endless.npz"))).toBe(false);
  });

  it("lists what works on this machine", async () => {
    // A GPU library may write to standard error while it is tried.
    const { code, stdout } = await place.run(["doctor", "--json"]);
    expect(code).toBe(0);
    const diagnosis = JSON.parse(stdout);
    expect(diagnosis.devices[0]).toEqual({ device: "cpu", available: true });
    const backends: { backend: string; available: boolean; reason?: string }[] = diagnosis.backends;
    expect(backends.filter(({ available }) => available).map(({ backend }) => backend)).toEqual(
      expect.arrayContaining(["onnxruntime", "wasm", "cpu"]),
    );
    // The other devices and backends need a GPU or packages that are seldom installed.
    expect(backends.map(({ backend }) => backend)).toHaveLength(8);
    for (const { available, reason } of backends) expect(available ? reason === undefined : reason !== "").toBe(true);
    expect(diagnosis.versions["air-onnx"]).toMatch(/^\d+\.\d+\.\d+$/);
    expect(diagnosis.cache).toEqual({ folder: place.at("cache"), writable: true });
    expect(diagnosis.mnist.available).toBe(false);
  });
});
