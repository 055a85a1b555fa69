/** Training files: driven by the manifest alone, they train as this project's engine does, and give the model that it exports. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ConfigError } from "@air-onnx/core";
import { AirModel } from "@air-onnx/runtime-node";
import {
  drawnSet,
  fillBatch,
  formOf,
  generateScenes,
  pixelsPerImage,
  type SceneGenerator,
  type SceneSet,
  streamScenes,
} from "@air-onnx/scenes";
import {
  Batches,
  createEngine,
  Evaluator,
  initialState,
  parseTrainConfig,
  type TrainConfig,
  type TrainingState,
} from "@air-onnx/train";
import {
  parseTrainingManifest,
  Trainer,
  type TrainerCheckpoint,
  TrainerCheckpointError,
  type TrainerOptions,
  TrainingDivergedError,
  TrainingFileError,
  type TrainingManifest,
} from "@air-onnx/trainer";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportModel, exportTraining, type TrainingFiles, trainingFiles } from "../src/index.js";
import { sizes } from "./untrained.js";

const SEED = 7;
const STEPS = 12;
const small = { ...sizes, imageSize: 28, objectSize: 12, maxSteps: 2 };
const settings = {
  dataset: "multi-strokes",
  stream: true,
  threads: 1,
  seed: SEED,
  steps: STEPS,
  batchSize: 4,
  stepsPerRun: 3,
  maxCount: 1,
  model: small,
  optimizer: { warmupSteps: 4 },
  presencePriorSchedule: { from: 0.01, to: 0.4, share: 0.5 },
  curriculum: [0.5],
} as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-training-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function generatorOf(config: TrainConfig, seed: number): Promise<SceneGenerator> {
  const set = drawnSet(config.dataset)!;
  return set.generator(seed, formOf(set, { ...config, imageSize: config.model.imageSize }), {} as never, "train");
}

/** Trains by this project's engine, stage after stage. */
async function byEngine(config: TrainConfig): Promise<{ losses: number[]; state: TrainingState }> {
  const images = streamScenes(await generatorOf(config, 2 * SEED));
  const losses: number[] = [];
  let state = initialState(config);
  const middle = config.curriculum.length > 0 ? STEPS / 2 : STEPS;
  for (const [begin, end, maxSteps] of [
    [0, middle, config.curriculum.length > 0 ? 1 : config.model.maxSteps],
    [middle, STEPS, config.model.maxSteps],
  ] as const) {
    if (begin === end) continue;
    const staged = { ...config, model: { ...config.model, maxSteps } };
    await using engine = await createEngine(staged, state);
    const batches = new Batches(staged, images);
    for (let step = begin; step < end; step += 3) {
      losses.push(...(await engine.run(batches.next(step, 3))).loss!);
    }
    state = structuredClone(await engine.state());
  }
  return { losses, state };
}

async function optionsFor(
  config: TrainConfig,
  files: TrainingFiles,
  others: Partial<TrainerOptions> = {},
): Promise<TrainerOptions> {
  const images = streamScenes(await generatorOf(config, 2 * SEED));
  return {
    // As a reader of the folder has it: nothing but JSON.
    manifest: parseTrainingManifest(JSON.stringify(files.manifest), "training.json"),
    readFile: async (path) => Uint8Array.from(files.files.get(path)!),
    createSession: (graph) => ort.InferenceSession.create(graph, { intraOpNumThreads: 1 }),
    drawImages: (indices, target) => fillBatch(images, [...indices], target),
    seed: SEED,
    ...others,
  };
}

function intensities(scenes: SceneSet): Float32Array {
  const images = new Float32Array(scenes.size * pixelsPerImage(scenes));
  fillBatch(
    scenes,
    Array.from({ length: scenes.size }, (_, i) => i),
    images,
  );
  return images;
}

/** Trains on in calls of an awkward length. */
async function finish(trainer: Trainer, until: number = STEPS): Promise<number[]> {
  const losses: number[] = [];
  while (trainer.step < until) losses.push(...(await trainer.run(Math.min(5, until - trainer.step))).loss!);
  return losses;
}

const relative = (a: number, b: number): number => Math.abs(a - b) / Math.max(1, Math.abs(b));

describe.each([
  ["marginal, with a curriculum", settings],
  ["nvil, with its baseline", { ...settings, estimator: "nvil", curriculum: [] }],
] as const)("training files of %s", (_, input) => {
  const config = parseTrainConfig(input);
  let files: TrainingFiles;
  beforeAll(() => {
    files = trainingFiles(config);
  });

  it("train as the engine does, from the seed alone", async () => {
    const expected = await byEngine(config);
    await using trainer = await Trainer.open(await optionsFor(config, files));
    const losses = await finish(trainer);
    expect(losses).toHaveLength(STEPS);
    expect(trainer.isFinished).toBe(true);
    for (const [i, loss] of losses.entries()) {
      expect(relative(loss, expected.losses[i]!), `step ${i + 1}`).toBeLessThan(1e-5);
    }
    const { state } = await trainer.checkpoint();
    for (const [name, { data }] of Object.entries(expected.state.parameters)) {
      const worst = data.reduce(
        (most, value, i) => Math.max(most, relative(state.parameters[name]!.data[i]!, value)),
        0,
      );
      expect(worst, name).toBeLessThan(1e-3);
    }
    expect(await trainer.run(3)).toEqual({});
  });

  it("go on from a checkpoint as if they had never stopped", async () => {
    await using whole = await Trainer.open(await optionsFor(config, files));
    const losses = await finish(whole);
    await using first = await Trainer.open(await optionsFor(config, files));
    const begun = await finish(first, 7);
    const checkpoint: TrainerCheckpoint = structuredClone(await first.checkpoint());
    await using second = await Trainer.open(await optionsFor(config, files, { seed: 0, checkpoint }));
    expect(second.seed).toBe(SEED);
    expect([...begun, ...(await finish(second))]).toEqual(losses);
  });
});

describe("a trained state", () => {
  const config = parseTrainConfig(settings);
  let files: TrainingFiles;
  let trainer: Trainer;
  beforeAll(async () => {
    files = trainingFiles(config);
    trainer = await Trainer.open(await optionsFor(config, files));
    await finish(trainer);
  });
  afterAll(() => trainer[Symbol.asyncDispose]());

  it("is the model that the exporter makes of it", async () => {
    const made = join(folder, "made");
    const own = await trainer.modelFolder({ metrics: { countAccuracyMap: 0.5 } });
    for (const [path, bytes] of own) {
      await mkdir(dirname(join(made, path)), { recursive: true });
      await writeFile(join(made, path), bytes);
    }
    const exported = join(folder, "exported");
    const { state } = await trainer.checkpoint();
    await exportModel(exported, {
      name: "multi-strokes",
      config: config.model,
      parameters: state.parameters,
      training: { dataset: "multi-strokes", seed: SEED, steps: STEPS, commit: null },
      metrics: { countAccuracyMap: 0.5 },
    });
    const images = intensities(await generateScenes(await generatorOf(config, 1), 12));
    await using ours = await AirModel.fromPretrained(made);
    await using theirs = await AirModel.fromPretrained(exported);
    expect(await ours.infer(images)).toEqual(await theirs.infer(images));
    expect(ours.manifest.training).toMatchObject({ seed: SEED, steps: STEPS, dataset: "multi-strokes" });
    expect(await readFile(join(made, "README.md"), "utf8")).toContain("right counts: 50.0 %");
    const scene = await ort.InferenceSession.create(await readFile(join(made, "onnx/scene.onnx")));
    expect(scene.inputNames).toEqual(["image"]);
    await scene.release();
  });

  it("is evaluated as in a run of the engine", async () => {
    const scenes = await generateScenes(await generatorOf(config, 1), 60);
    const { state } = await trainer.checkpoint();
    await using evaluator = await Evaluator.create(config.model, { threads: 1 });
    const expected = await evaluator.evaluate(state.parameters, scenes);
    const { elbo, countAccuracyMap } = await trainer.evaluate(intensities(scenes), scenes.counts);
    expect(elbo).toBeCloseTo(expected.elbo, 3);
    expect(countAccuracyMap).toBe(expected.countAccuracyMap);
    const explained = await trainer.explain(intensities(scenes).subarray(0, 3 * 28 ** 2));
    expect(explained).toHaveLength(3);
    for (const { count, zWhere, reconstruction } of explained) {
      expect(zWhere).toHaveLength(count);
      expect(reconstruction).toHaveLength(28 ** 2);
    }
  });

  it("does not go on with other files, or damaged ones", async () => {
    const checkpoint = structuredClone(await trainer.checkpoint());
    const open = async (others: Partial<TrainerOptions>) => Trainer.open(await optionsFor(config, files, others));
    await expect(open({ checkpoint: { ...checkpoint, graph: "other" } })).rejects.toThrow(TrainerCheckpointError);
    await expect(open({ checkpoint: { ...checkpoint, step: STEPS + 1 } })).rejects.toThrow(/of step 13/);
    const nan = structuredClone(checkpoint);
    nan.state.parameters["lstm.bias"]!.data[0] = Number.NaN;
    await expect(open({ checkpoint: nan })).rejects.toMatchObject({ parameter: "lstm.bias" });
    const changed = async (path: string) => {
      const bytes = Uint8Array.from(files.files.get(path)!);
      bytes[bytes.length - 1]! ^= 1;
      return bytes;
    };
    await expect(open({ readFile: changed })).rejects.toThrow(TrainingFileError);
    await expect(open({ readFile: async () => new Uint8Array(3) })).rejects.toThrow(/evaluation\.onnx is truncated/);
  });

  it("is kept when training diverges", async () => {
    const drawImages: TrainerOptions["drawImages"] = (_, target) => target.fill(Number.NaN);
    await using broken = await Trainer.open(await optionsFor(config, files, { drawImages }));
    const before = await broken.checkpoint();
    await expect(broken.run(2)).rejects.toThrow(TrainingDivergedError);
    expect(await broken.checkpoint()).toEqual(before);
  });
});

describe("a folder of training files", () => {
  const config = parseTrainConfig(settings);

  it("holds the manifest and what it names, and is not replaced unasked", async () => {
    const directory = join(folder, "training");
    const before = [...(await readdir(folder)), "training"].sort();
    const { manifest } = await exportTraining(directory, config);
    const read = parseTrainingManifest(await readFile(join(directory, "training.json")), "training.json");
    expect(read).toEqual(JSON.parse(JSON.stringify(manifest)));
    for (const { file } of [...read.stages, ...Object.values(read.graphs)]) {
      expect(await readFile(join(directory, file.path))).toHaveLength(file.size);
    }
    await expect(exportTraining(directory, config)).rejects.toMatchObject({ kind: "occupied" });
    await exportTraining(directory, config, { overwrite: true });
    await expect(exportTraining(join(directory, "training.json", "below"), config)).rejects.toMatchObject({
      name: "FileError",
    });
    expect((await readdir(folder)).sort()).toEqual(before);
  });

  it("is refused for images that only this package can prepare", () => {
    const augmented = parseTrainConfig({ ...settings, augmentation: {} });
    expect(() => trainingFiles(augmented)).toThrow(ConfigError);
    expect(() => trainingFiles(augmented)).toThrow(/augmentation must be null/);
  });

  it("is refused for an extended run, whose learning rate rises again", () => {
    const extended = parseTrainConfig({ ...settings, steps: settings.steps + 10, extendedAt: [settings.steps] });
    expect(() => trainingFiles(extended)).toThrow(/extendedAt must be empty/);
  });

  it.each([
    ["another format", (manifest: TrainingManifest) => ({ ...manifest, format: "air-onnx" }), /format/],
    [
      "a gap between stages",
      (manifest: TrainingManifest) => ({ ...manifest, stages: manifest.stages.slice(1) }),
      /stages/,
    ],
    [
      "a parameter too few",
      (manifest: TrainingManifest) => ({ ...manifest, parameters: manifest.parameters.slice(1) }),
      /state/,
    ],
    ["an unknown key", (manifest: TrainingManifest) => ({ ...manifest, more: 1 }), /more/],
  ])("is refused with %s", (_, change, reason) => {
    const text = JSON.stringify(change(trainingFiles(config).manifest));
    expect(() => parseTrainingManifest(text, "x/training.json")).toThrow(reason);
  });
});
