/** The export of a small untrained model: the folder, the graphs, and the numbers that the graphs compute. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AirConfigInput,
  graphNames,
  graphSignatures,
  type Preprocessing,
  parseAirConfig,
  parseManifest,
  prepareBatch,
} from "@air-onnx/core";
import { AirModel } from "@air-onnx/runtime-node";
import { generateMultiStrokes, type SceneSet } from "@air-onnx/scenes";
import { decodeModel } from "@air-onnx/tracer";
import { estimators, initialParameters, type NamedTensorData, useEagerBackend } from "@air-onnx/train";
import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { checkParity, encodeGraphs, exportModel, type TrainedModel, traceGraph } from "../src/index.js";

const config = parseAirConfig({ lstmSize: 8, zWhatSize: 5, predictorSize: 7, encoderSize: 9, decoderSize: 6 });
const parameters: NamedTensorData = initialParameters(config, 0);
const model: TrainedModel = {
  name: "tiny",
  config,
  parameters,
  training: { dataset: "multi-strokes", seed: 0, steps: 0, commit: null },
  metrics: { countAccuracyMap: 0.5, elbo: -12.5 },
};

/** Parameters of an untrained model that finds as many objects as it has steps in every image. */
const eagerParameters: NamedTensorData = {
  ...parameters,
  "predictor.output_bias": {
    shape: parameters["predictor.output_bias"]!.shape,
    data: Float32Array.from(parameters["predictor.output_bias"]!.data, (value, i) => (i === 0 ? 3 : value)),
  },
};

let folder: string;
let scenes: SceneSet;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-export-"));
  scenes = await generateMultiStrokes({ seed: 3, size: 12 });
  await useEagerBackend("cpu");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("an exported folder", () => {
  it("holds graphs, manifest and card, and loads", async () => {
    const directory = join(folder, "complete");
    const manifest = await exportModel(directory, model, { card: { command: "air-onnx train", trainingMinutes: 2 } });
    expect((await readdir(directory, { recursive: true })).toSorted()).toEqual([
      "README.md",
      "config.json",
      "onnx",
      ...[...graphNames, "scene"].map((name) => `onnx/${name}.onnx`).toSorted(),
    ]);
    expect(parseManifest(await readFile(join(directory, "config.json"), "utf8"), "config.json")).toEqual(manifest);
    const card = await readFile(join(directory, "README.md"), "utf8");
    expect(card).toContain("50.00 %");
    expect(card).toContain("`air-onnx train`");
    expect(card).not.toMatch(/undefined|null|NaN/);
    await using loaded = await AirModel.fromPretrained(directory);
    expect(loaded.manifest).toEqual(manifest);
  });

  it("is replaced with `overwrite` alone, and leaves no temporary folder", async () => {
    const directory = join(folder, "replaced");
    await exportModel(directory, model);
    const again = exportModel(directory, model);
    await expect(again).rejects.toThrow(/exists already: set overwrite/);
    await expect(again).rejects.toMatchObject({ kind: "occupied", holds: "model", path: directory });
    await exportModel(directory, { ...model, name: "renamed" }, { overwrite: true });
    expect(parseManifest(await readFile(join(directory, "config.json"), "utf8"), "").name).toBe("renamed");
    expect((await readdir(folder)).filter((name) => name.includes("tmp"))).toEqual([]);
  });

  it("is renamed after its verification, and an existing model stays if that fails", async () => {
    const directory = join(folder, "verified");
    const seen: string[] = [];
    const verify = async (partial: string) => {
      seen.push(...(await readdir(partial)));
      await expect(stat(directory)).rejects.toThrow();
      return { parity: "It was looked at." };
    };
    await exportModel(directory, model, { verify });
    expect(seen).toEqual(["config.json", "onnx"]);
    expect(await readFile(join(directory, "README.md"), "utf8")).toContain("It was looked at.");
    const refuse = () => Promise.reject(new Error("not good enough"));
    await expect(
      exportModel(directory, { ...model, name: "worse" }, { verify: refuse, overwrite: true }),
    ).rejects.toThrow("not good enough");
    expect(parseManifest(await readFile(join(directory, "config.json"), "utf8"), "").name).toBe("tiny");
    expect((await readdir(folder)).filter((name) => name.includes("tmp"))).toEqual([]);
  });

  it("cannot be made below a file", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(exportModel(join(file, "model"), model)).rejects.toThrow(/Cannot export to .*file/);
  });

  it("does not exist after a failed export", async () => {
    const directory = join(folder, "broken");
    await expect(exportModel(directory, { ...model, metrics: { elbo: Number.NaN } })).rejects.toThrow(/metrics/);
    await expect(stat(directory)).rejects.toThrow();
    await mkdir(directory);
  });
});

describe("the graphs", () => {
  it("have the signatures that the runtimes expect, with one symbolic dimension", () => {
    const models = encodeGraphs(config, parameters);
    for (const name of graphNames) {
      const { graph, opsetImport, irVersion } = decodeModel(models[name]);
      expect(opsetImport[0]!.version).toBe(21);
      expect(irVersion).toBeLessThanOrEqual(10);
      const shapes = (values: typeof graph.input) =>
        Object.fromEntries(
          values.map((value) => [
            value.name,
            value.type.tensorType.shape.dim.map((dim) => ("dimParam" in dim ? dim.dimParam : dim.dimValue)),
          ]),
        );
      const expected = (signature: Readonly<Record<string, readonly number[]>>) =>
        Object.fromEntries(Object.entries(signature).map(([key, shape]) => [key, ["batch", ...shape]]));
      expect(shapes(graph.input)).toEqual(expected(graphSignatures(config)[name].inputs));
      expect(shapes(graph.output)).toEqual(expected(graphSignatures(config)[name].outputs));
    }
  });

  it("have the parameters' names and store each parameter once", () => {
    const models = encodeGraphs(config, parameters);
    const names = graphNames.flatMap((name) => decodeModel(models[name]).graph.initializer.map((each) => each.name));
    for (const name of Object.keys(parameters)) {
      const uses = names.filter((each) => each === name).length;
      // The graph `step` draws its object, so the decoder's parameters are in `step` and in `decoder`. Others are in
      // one graph.
      expect(uses, name).toBe(name.startsWith("decoder.") ? 2 : 1);
    }
  });

  it("leave out the estimator's own parameters", () => {
    const own = estimators.nvil.parameters(config);
    const all = initialParameters(config, 0, own);
    expect(Object.keys(all).length).toBeGreaterThan(Object.keys(parameters).length);
    const [withOwn, without] = [encodeGraphs(config, all), encodeGraphs(config, parameters)];
    for (const name of graphNames) expect(Buffer.compare(withOwn[name], without[name]), name).toBe(0);
  });

  it("compute the same numbers for an image in batches of any size", async () => {
    const session = await ort.InferenceSession.create(encodeGraphs(config, parameters).encoder);
    const pixels = 2500;
    const images = Float32Array.from({ length: 7 * pixels }, (_, i) => scenes.images[i]! / 255);
    const run = async (data: Float32Array) => {
      const { image_gates } = await session.run({
        image: new ort.Tensor("float32", data, [data.length / pixels, 1, 50, 50]),
      });
      return image_gates!.data as Float32Array;
    };
    const together = await run(images);
    for (const count of [1, 2, 7]) {
      const some = await run(images.slice(0, count * pixels));
      expect(some.length).toBe(count * 4 * config.lstmSize);
      some.forEach((value, i) => {
        expect(value).toBeCloseTo(together[i]!, 5);
      });
    }
    await session.release();
  });

  it("have no operator that draws random numbers", () => {
    for (const name of graphNames) {
      const operators = traceGraph(name, config, parameters).graph.nodes.map((node) => node.op);
      expect(operators.filter((op) => /random|multinomial|bernoulli/i.test(op))).toEqual([]);
    }
  });
});

describe("the parity check", () => {
  it("passes for the exported parameters, in every output and over the whole loop", async () => {
    const directory = join(folder, "parity");
    await exportModel(directory, model);
    const report = await checkParity(directory, config, parameters, scenes, { backend: "cpu" });
    expect(report.rows.filter((row) => !row.within)).toEqual([]);
    expect(report.passed).toBe(true);
    expect(report.images).toBe(12);
    const outputs = new Set(report.rows.map((row) => `${row.graph}.${row.output}`));
    for (const name of graphNames) {
      for (const output of Object.keys(graphSignatures(config)[name].outputs))
        expect(outputs).toContain(`${name}.${output}`);
    }
    for (const output of ["elbo", "countProbabilities", "reconstruction"]) expect(outputs).toContain(`loop.${output}`);
  });

  it.each(["union", "clamp"] as const)("passes for a Bernoulli model whose canvas is a %s", async (canvas) => {
    const directory = join(folder, `bernoulli-${canvas}`);
    const bernoulli = parseAirConfig({ ...config, likelihood: { type: "bernoulli", canvas } });
    await exportModel(directory, { ...model, config: bernoulli, parameters: eagerParameters });
    const report = await checkParity(directory, bernoulli, eagerParameters, scenes, { backend: "cpu" });
    expect(report.rows.filter((row) => !row.within)).toEqual([]);
    expect(report.passed).toBe(true);
  });

  it("passes for a model that preprocesses its images, whose evidence is that of prepared ones", async () => {
    const preprocessing: Preprocessing = { backgroundDegree: 0, polarity: ["dark"], contrast: [0.5, 1], noise: 2 };
    const [plain, preparing] = [join(folder, "plain"), join(folder, "preparing")];
    await exportModel(plain, { ...model, parameters: eagerParameters });
    await exportModel(preparing, { ...model, parameters: eagerParameters, preprocessing });
    const negative: SceneSet = { ...scenes, images: scenes.images.map((value) => 240 - Math.round(0.9 * value)) };
    const report = await checkParity(preparing, config, eagerParameters, negative, { backend: "cpu" });
    expect(report.rows.filter((row) => !row.within)).toEqual([]);
    expect(report.passed).toBe(true);

    const images = Float32Array.from(negative.images, (value) => value / 255);
    const { images: prepared } = prepareBatch(images, config, preprocessing);
    await using behind = await AirModel.fromPretrained(plain);
    await using before = await AirModel.fromPretrained(preparing);
    expect(await before.evidence(images)).toEqual(await behind.evidence(prepared));
  });

  it("fails for other parameters, and names the outputs that differ", async () => {
    const directory = join(folder, "other");
    const bias = parameters["predictor.output_bias"]!;
    const moved = { ...bias, data: bias.data.map((value) => value + 0.01) };
    await exportModel(directory, { ...model, parameters: { ...parameters, "predictor.output_bias": moved } });
    const report = await checkParity(directory, config, parameters, scenes, { backend: "cpu" });
    expect(report.passed).toBe(false);
    expect(report.rows.filter((row) => !row.within).map((row) => row.graph)).toEqual(
      expect.arrayContaining(["step", "loop"]),
    );
  });

  it("restores the backend of TensorFlow.js, also if there is no model to load", async () => {
    const directory = join(folder, "absent");
    await expect(checkParity(directory, config, parameters, scenes, { backend: "wasm" })).rejects.toThrow(/is missing/);
    expect(tf.getBackend()).toBe("cpu");
  });

  it("releases all sessions and tensors if a graph cannot be opened", async () => {
    const directory = join(folder, "unopened");
    await exportModel(directory, model);
    const tensors = tf.memory().numTensors;
    // The first three sessions are those of AirModel, the fourth is the first of the comparison graph by graph.
    const sessions = sessionsUntilFailure(4);
    await expect(checkParity(directory, config, parameters, scenes, { backend: "cpu" })).rejects.toThrow(/no more/);
    expect(sessions.map(({ release }) => vi.mocked(release).mock.calls.length)).toEqual([1, 1, 1, 1]);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

/** Sessions that are opened from now on, with spies on `release`. Opening more than `count` of them fails. */
function sessionsUntilFailure(count: number): ort.InferenceSession[] {
  const opened: ort.InferenceSession[] = [];
  const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (
    ...args: unknown[]
  ) => Promise<ort.InferenceSession>;
  vi.spyOn(ort.InferenceSession, "create").mockImplementation(async (...args: unknown[]) => {
    if (opened.length === count) throw new Error("no more sessions");
    const session = await create(...args);
    vi.spyOn(session, "release");
    opened.push(session);
    return session;
  });
  return opened;
}
afterEach(() => void vi.restoreAllMocks());

it.each<NonNullable<AirConfigInput["likelihood"]>>([
  { type: "gaussian" },
  { type: "bernoulli" },
  { type: "bernoulli", canvas: "clamp" },
])("redraws inferred scenes, %j", async (likelihood) => {
  const directory = join(folder, `redraw-${Object.values(likelihood).join("-")}`);
  const drawing = parseAirConfig({ ...config, likelihood, decoderBias: 1 });
  await exportModel(directory, { ...model, config: drawing, parameters: eagerParameters });
  await using loaded = await AirModel.fromPretrained(directory);
  const images = Float32Array.from(scenes.images, (value) => value / 255);
  // The untrained model's objects do not improve the bound: pruning would remove them all.
  const inferred = await loaded.infer(images, { prune: false });
  expect(inferred.every((scene) => scene.count > 0)).toBe(true);
  if (likelihood.type === "bernoulli") {
    const brightest = inferred.map(({ reconstruction }) => Math.max(...reconstruction));
    expect(Math.max(...brightest)).toBeLessThanOrEqual(1);
  }
  const drawn = await loaded.decode(inferred);
  inferred.forEach((scene, i) => {
    scene.reconstruction.forEach((value, pixel) => {
      expect(Math.abs(drawn[i]!.reconstruction[pixel]! - value)).toBeLessThan(1e-5);
    });
  });
});
