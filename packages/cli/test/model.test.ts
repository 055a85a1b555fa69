import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
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

/** As {@link succeed}, in this process. */
async function succeedHere(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.runHere(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** The standard output of a command that must succeed without a word on standard error. */
async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.run(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

async function fail(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.runHere(args);
  expect(stderr).not.toContain("    at ");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  return stderr;
}

describe("export", () => {
  it("writes a model folder and the parity of every graph", () => {
    expect([trained.stderr, exported.stderr]).toEqual(["", ""]);
    expect(exported.code).toBe(0);
    for (const graph of ["encoder", "step", "decoder", "loop"]) {
      expect(exported.stdout).toMatch(new RegExp(`^${graph} .* ok$`, "m"));
    }
    const manifest = JSON.parse(readFileSync(place.at("model/config.json"), "utf8"));
    expect(manifest).toMatchObject({ name: "tiny", training: { dataset: "multi-strokes", seed: 0, steps: 40 } });
    expect(manifest.metrics).toMatchObject({ images: 60, elbo: expect.any(Number) });
    const card = readFileSync(place.at("model/README.md"), "utf8");
    expect(card).toContain("Command: `air-onnx train --dataset multi-strokes");
    expect(card).toContain("Parity on 20 held-out images");
  });

  it("refuses a folder that exists", async () => {
    expect(await fail("export", "run", "--out", "model")).toContain("model exists already: pass --overwrite");
  });

  it("leaves no model that is beyond the tolerance", async () => {
    const args = ["export", "run", "--out", "strict", "--images", "10", "--backend", "cpu", "--tolerance", "1e-12"];
    const { code, stdout, stderr } = await place.runHere(args);
    expect(code).toBe(1);
    expect(stdout).toContain("TOO FAR");
    expect(stderr).toContain("nothing was exported");
    expect(existsSync(place.at("strict"))).toBe(false);
  });
});

describe("eval", () => {
  it("of a run prints numbers and which counts are taken for which", async () => {
    const stdout = await succeedHere("eval", "run", "--picture", "pictures/run.png");
    expect(stdout).toMatch(/count accuracy .* on 60 held-out images/);
    expect(stdout).toMatch(/^true count +found 0 +found 1 +found 2 +found 3$/m);
    expect(existsSync(place.at("pictures/run.png"))).toBe(true);
  });

  it("of an exported model agrees with that of its run", async () => {
    const run = JSON.parse(await succeedHere("eval", "run", "--json"));
    const model = JSON.parse(await succeed("eval", "model", "--json", "--test-size", "60", "--picture", "model.png"));
    expect(model.images).toBe(60);
    // The draws of the latents differ.
    expect(Math.abs(model.elbo - run.elbo)).toBeLessThan(5);
    expect(model.countAccuracySampled).toBeCloseTo(run.countAccuracySampled, 1);
    expect(model.confusion.flat().reduce((sum: number, each: number) => sum + each, 0)).toBe(60);
    expect(existsSync(place.at("model.png"))).toBe(true);
  });

  it("measures the first so many images", async () => {
    expect(JSON.parse(await succeedHere("eval", "run", "--json", "--images", "7")).images).toBe(7);
  });
});

describe("eval on other images than the model's own", () => {
  it("takes a file of the user's", async () => {
    await succeedHere("data", "multi-strokes", "--train-size", "15", "--test-size", "5", "--npz", "other.npz");
    const other = ["--dataset", "npz", "--data", "other.npz", "--test-fraction", "0.5"];
    for (const path of ["run", "model"]) {
      const measured = JSON.parse(await succeedHere("eval", path, "--json", ...other));
      expect(measured).toMatchObject({ dataset: "npz", split: "test", images: 10 });
    }
    const { code, stderr } = await place.runHere(["eval", "model", "--dataset", "npz"]);
    expect(code).toBe(2);
    expect(stderr).toContain("say where they are by --data");
  });

  it("names a set without fresh images", async () => {
    expect(await fail("eval", "run", "--split", "fresh")).toContain("multi-strokes has no fresh images");
  });
});

describe("infer", () => {
  it("prints JSON for a folder of images", async () => {
    const scenes = JSON.parse(await succeed("infer", "model", "images"));
    expect(scenes.map(({ file }: { file: string }) => file)).toEqual(["images/dark.png", "images/square.png"]);
    for (const scene of scenes) {
      expect(scene.countProbabilities.reduce((sum: number, p: number) => sum + p, 0)).toBeCloseTo(1, 5);
      expect(scene.objects).toHaveLength(scene.count);
    }
  });

  it("writes pictures, JSON and latents", async () => {
    const args = ["images/square.png", "--out", "annotated", "--json", "out/scenes.json", "--latents"];
    await succeedHere("infer", "model", ...args, "--mode", "sample", "--seed", "3");
    expect(readdirSync(place.at("annotated"))).toEqual(["square.png"]);
    const { width, height } = sizeOfPng("annotated/square.png");
    expect(width).toBeGreaterThan(2 * height);
    const [scene] = JSON.parse(readFileSync(place.at("out/scenes.json"), "utf8"));
    for (const object of scene.objects) expect(object.zWhat).toHaveLength(4);
  });

  it("names an image of the wrong size, a folder without images, and a file that is no image", async () => {
    expect(await fail("infer", "model", "images/dark.png", "large.png")).toContain(
      "large.png is 64x64, this model takes 50x50",
    );
    mkdirSync(place.at("empty"));
    expect(await fail("infer", "model", "empty")).toContain("The folder empty has no PNG files");
    writeFileSync(place.at("text.png"), "not an image");
    expect(await fail("infer", "model", "text.png")).toContain("text.png is not a readable PNG image");
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
    // Where there is a GPU, the command works instead.
    const cuda = devices.find(({ device }) => device === "cuda")!;
    if (cuda.available) await succeedHere("infer", "model", "images", "--device", "cuda");
    else
      expect(await fail("infer", "model", "images", "--device", "cuda")).toContain(
        'The device "cuda" is not available',
      );
  });
});

describe("sample", () => {
  it("writes one picture", async () => {
    expect(await succeed("sample", "model", "--n", "3", "--count", "1")).toBe("Picture: samples.png\n");
    const { width, height } = sizeOfPng("samples.png");
    expect(width).toBeGreaterThan(height);
  });

  it("draws the same picture for the same seed, another for another", async () => {
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

  it("writes a set that it can read, to the last count", async () => {
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

  it("has no end of images in a stream, and does not write them", async () => {
    const args = ["data", "multi-dsprites-64", "--stream", "--test-size", "5", "--patch-size", "12"];
    const stdout = await succeedHere(...args);
    expect(stdout).toMatch(/^multi-dsprites-64: endless images to train on, 5 held out/);
    expect(stdout).toMatch(/^train +endless +\? +\? +\?$/m);
    const { code, stderr } = await place.runHere([...args, "--npz", "endless.npz"]);
    expect(code).toBe(1);
    expect(stderr).toContain("a stream has no end");
    expect(existsSync(place.at("endless.npz"))).toBe(false);
  });

  it("tells what works here", async () => {
    // A GPU library may write to standard error while it is tried.
    const { code, stdout } = await place.run(["doctor", "--json"]);
    expect(code).toBe(0);
    const diagnosis = JSON.parse(stdout);
    expect(diagnosis.devices[0]).toEqual({ device: "cpu", available: true });
    expect(diagnosis.tfjsBackends.map(({ available }: { available: boolean }) => available)).toEqual([true, true]);
    expect(diagnosis.versions["air-onnx"]).toMatch(/^\d+\.\d+\.\d+$/);
    expect(diagnosis.cache).toEqual({ folder: place.at("cache"), writable: true });
    expect(diagnosis.mnist.available).toBe(false);
  });
});
