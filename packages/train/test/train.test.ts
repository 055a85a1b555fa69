/** The training loop on a small model: the files it writes, stopping and resuming, and divergence. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dataset, decodePng, generateMultiStrokes, multiStrokes, streamScenes } from "@air-onnx/scenes";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { parseTrainConfig, type TrainConfigInput } from "../src/config.js";
import { DivergedError } from "../src/errors.js";
import { checkpointShapes } from "../src/initial-state.js";
import { initialParameters } from "../src/model/parameters.js";
import { createRunFolder, loadNewestCheckpoint, readMetrics, resumeRunFolder } from "../src/run/index.js";
import { trainingSeconds } from "../src/run/training-time.js";
import { type TrainEvent, type TrainOptions, train } from "../src/train.js";
import { readEvents } from "./run/event-reader.js";

const base: TrainConfigInput = {
  dataset: "multi-strokes",
  architecture: "reference",
  model: { lstmSize: 8, zWhatSize: 5, predictorSize: 8, encoderSize: 8, decoderSize: 8 },
  batchSize: 4,
  threads: 1,
  steps: 40,
  stepsPerRun: 5,
  evaluateEvery: 20,
  evaluateImages: 16,
  checkpointEvery: 10,
  optimizer: { warmupSteps: 10 },
  trainSize: 64,
  testSize: 32,
};
const silent = (): void => {};

let folder: string;
let dataset: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-train-"));
  dataset = {
    name: "multi-strokes",
    train: await generateMultiStrokes({ seed: 0, size: 64 }),
    test: await generateMultiStrokes({ seed: 1, size: 32 }),
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(name: string, changes: object = {}, options: TrainOptions = {}) {
  const path = join(folder, name);
  const { folder: created, lock } = options.resume
    ? await resumeRunFolder(path, silent)
    : await createRunFolder(path, parseTrainConfig({ ...base, ...changes }), silent);
  try {
    return { folder: created, result: await train(created, dataset, options) };
  } finally {
    lock.release();
  }
}

const newest = (of: Parameters<typeof loadNewestCheckpoint>[0]) => loadNewestCheckpoint(of, checkpointShapes, silent);

describe("a run", () => {
  it("leaves metrics, pictures and checkpoints, and reports them", async () => {
    const events: TrainEvent[] = [];
    const { folder: made, result } = await run("complete", {}, { onEvent: (event) => events.push(event) });
    expect(result).toMatchObject({ step: 40, finished: true, evaluation: { images: 32 } });
    expect(await readdir(made.pictures)).toEqual(["step-00000020.png", "step-00000040.png"]);
    const picture = decodePng(await readFile(result.picture!), "picture");
    expect(picture.width).toBeGreaterThan(400);
    const records = await readMetrics(made.metricsFile, silent);
    expect(records.filter(({ kind }) => kind === "train").map(({ step }) => step)).toEqual([
      5, 10, 15, 20, 25, 30, 35, 40,
    ]);
    expect(records.filter(({ kind }) => kind === "evaluation")).toMatchObject([
      { step: 20, images: 16 },
      { step: 40, images: 32 },
    ]);
    const [logged] = await Promise.all(
      (await readdir(made.tensorboard)).map(async (name) => readEvents(await readFile(join(made.tensorboard, name)))),
    );
    const scalars = logged!.flatMap(({ step, scalars }) =>
      "train/elbo" in scalars ? [[step, scalars["train/elbo"]]] : [],
    );
    expect(scalars).toEqual(
      records.flatMap(({ step, kind, elbo }) => (kind === "train" ? [[step, Math.fround(Number(elbo))]] : [])),
    );
    expect(logged!.flatMap(({ step, images }) => Object.keys(images).map((tag) => [step, tag]))).toEqual([
      [20, "evaluation/reconstructions"],
      [40, "evaluation/reconstructions"],
    ]);
    for (const record of records.filter(({ kind }) => kind === "train")) expect(record.loss).toBe(-Number(record.elbo));
    expect((await newest(made))!.step).toBe(40);
    expect(events.map(({ type }) => type).slice(0, 3)).toEqual(["start", "progress", "progress"]);
    const confusion = result.evaluation!.confusion!.flat().reduce((sum, images) => sum + images, 0);
    expect(confusion).toBe(32);
  });

  const inParts = {
    architecture: "local",
    model: { ...base.model, maxSteps: 2, stepNetwork: { type: "local", channels: [4, 5] } },
    trainingMaxSteps: null,
    curriculum: [],
    composition: null,
    batchSize: 16,
    threads: 2,
  };

  it.each<[string, object, RegExp]>([
    ["marginal", { estimator: "marginal" }, /1 thread\)/],
    ["guided", { estimator: "guided" }, /1 thread\)/],
    ["nvil", { estimator: "nvil" }, /1 thread\)/],
    ["with a curriculum", { curriculum: [0.25, 0.375] }, /1 thread\)/],
    ["with its batch in parts", inParts, /2 parts of 8 images/],
  ])("that was stopped and resumed is bit for bit the same as one that was not: %s", async (name, changes, engine) => {
    const engines: string[] = [];
    const straight = await run(`straight-${name}`, changes, {
      onEvent: (event) => event.type === "start" && engines.push(event.engine),
    });
    expect(engines).toEqual([expect.stringMatching(engine)]);
    const stop = new AbortController();
    const stopped = await run(`stopped-${name}`, changes, {
      signal: stop.signal,
      onEvent: (event) => event.type === "progress" && event.step === 25 && stop.abort(),
    });
    expect(stopped.result).toMatchObject({ step: 25, finished: false });
    const resumed = await run(`stopped-${name}`, {}, { resume: true });
    expect(resumed.result.finished).toBe(true);
    const [one, other] = [await newest(straight.folder), await newest(resumed.folder)];
    for (const part of ["parameters", "firstMoment", "secondMoment"] as const) expect(other![part]).toEqual(one![part]);
    const timeless = async (file: string) =>
      (await readMetrics(file, silent)).map(({ millisecondsPerStep, trainingSeconds, ...rest }) => rest);
    expect(await timeless(resumed.folder.metricsFile)).toEqual(await timeless(straight.folder.metricsFile));
    expect(resumed.result.evaluation).toEqual(straight.result.evaluation);
  });

  describe("with composed images", () => {
    const CERTAIN = 1 - 2 ** -53;
    // A prior of one more object for certain, and nearly black patches, make the tiny model confident of one object in nearly all images.
    const composing = {
      architecture: "local",
      model: { ...base.model, maxSteps: 1, decoderBias: -6, stepNetwork: { type: "local", channels: [4, 5] } },
      optimizer: { warmupSteps: 5, learningRate: 0.02 },
      presencePriorSchedule: { from: CERTAIN, to: CERTAIN, share: 1 },
      trainingMaxSteps: null,
      curriculum: [],
      composition: { maxObjects: 2, after: 0.5 },
      maxCount: 1,
    };

    it("that was stopped among them and resumed is bit for bit the same as one that was not", async () => {
      const composed: TrainEvent[] = [];
      const straight = await run("straight-composed", composing, {
        onEvent: (event) => event.type === "composition" && composed.push(event),
      });
      expect(composed).toMatchObject([{ step: 20, images: 2, objects: 2 }]);
      const stop = new AbortController();
      const stopped = await run("stopped-composed", composing, {
        signal: stop.signal,
        onEvent: (event) => event.type === "progress" && event.step === 30 && stop.abort(),
      });
      expect(stopped.result).toMatchObject({ step: 30, finished: false });
      const resumed = await run("stopped-composed", {}, { resume: true });
      const [one, other] = [await newest(straight.folder), await newest(resumed.folder)];
      expect(other!.parameters).toEqual(one!.parameters);
      expect(resumed.result.evaluation).toEqual(straight.result.evaluation);

      await rm(resumed.folder.cutOutsFile);
      await rm(join(resumed.folder.checkpoints, "step-00000040.json"));
      await expect(run("stopped-composed", {}, { resume: true })).rejects.toThrow(/cut-outs/);
    });

    it("goes on without them, and says so, if the model found no single objects", async () => {
      const impossible = { ...composing, presencePriorSchedule: { from: 1e-6, to: 1e-6, share: 1 } };
      const said: string[] = [];
      const { result } = await run("no-cut-outs", impossible, { onNotice: (line) => said.push(line) });
      expect(result.finished).toBe(true);
      expect(said).toEqual([expect.stringContaining("sure of only 0 objects that stand alone")]);
    });
  });

  it("with a curriculum begins with one inference step, which leaves the recurrent kernel unchanged", async () => {
    const kernels = await Promise.all(
      [[], [0.5]].map(async (curriculum) => {
        const stop = new AbortController();
        const onEvent = (event: TrainEvent): void => {
          if (event.type === "progress" && event.step === 20) stop.abort();
        };
        const options = { signal: stop.signal, onEvent };
        const { folder: made } = await run(`recurs-${curriculum.length}`, { curriculum }, options);
        return (await newest(made))!.parameters["lstm.recurrent_kernel"]!.data;
      }),
    );
    const config = parseTrainConfig(base);
    const first = initialParameters(config.model, config.seed)["lstm.recurrent_kernel"]!.data;
    expect(kernels[0]).not.toEqual(first);
    expect(kernels[1]).toEqual(first);
  });

  it("has other parameters with another seed", async () => {
    const [one, other] = [await run("seed-0", { steps: 10 }), await run("seed-1", { steps: 10, seed: 1 })];
    const bias = "decoder.output_bias";
    expect((await newest(one.folder))!.parameters[bias]).not.toEqual((await newest(other.folder))!.parameters[bias]);
  });

  it("on a stream that was stopped and resumed is bit for bit the same as one that was not", async () => {
    const { trainSize, ...others } = base as { trainSize: number } & TrainConfigInput;
    const config = parseTrainConfig({ ...others, stream: true, steps: 20, evaluateEvery: 20 });
    const streamed = async (name: string, options: TrainOptions = {}) => {
      const path = join(folder, name);
      const { folder: made, lock } = options.resume
        ? await resumeRunFolder(path, silent)
        : await createRunFolder(path, config, silent);
      await train(made, { ...dataset, train: streamScenes(multiStrokes(0)) }, options);
      lock.release();
      return made;
    };
    const straight = await streamed("stream-straight");
    const stop = new AbortController();
    const onEvent = (event: TrainEvent): void => {
      if (event.type === "progress") stop.abort();
    };
    await streamed("stream-stopped", { signal: stop.signal, onEvent });
    const resumed = await streamed("stream-stopped", { resume: true });
    const [one, other] = [await newest(straight), await newest(resumed)];
    for (const part of ["parameters", "firstMoment", "secondMoment"] as const) expect(other![part]).toEqual(one![part]);
  });

  it("says which lines its log has lost", async () => {
    const stop = new AbortController();
    const onEvent = (event: TrainEvent): void => {
      if (event.type === "progress" && event.step === 30) stop.abort();
    };
    const { folder: made } = await run("gaps", {}, { signal: stop.signal, onEvent });
    const lines = (await readFile(made.metricsFile, "utf8")).split("\n");
    await writeFile(made.metricsFile, lines.filter((line) => !/"step":(15|20),/.test(line)).join("\n"));
    const said: string[] = [];
    await run("gaps", {}, { resume: true, onNotice: (line) => said.push(line) });
    expect(said).toEqual([
      expect.stringMatching(/metrics\.jsonl lacks reports .*step 30 \(training: steps 15 to 20; evaluation: step 20\)/),
    ]);
  });

  it("that is complete is evaluated and ends when it is resumed", async () => {
    await run("again");
    const { result } = await run("again", {}, { resume: true });
    expect(result).toMatchObject({ step: 40, finished: true, evaluation: { images: 32 }, trainingSeconds: 0 });
  });

  it("resumes from the checkpoint before a corrupt one, and says so", async () => {
    const { folder: made } = await run("corrupt", {});
    const file = join(made.checkpoints, "step-00000040.safetensors");
    const bytes = await readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(file, bytes);
    const lines: string[] = [];
    const { result } = await run("corrupt", {}, { resume: true, onNotice: (line) => lines.push(line) });
    expect(lines.join("\n")).toMatch(/step-00000040\.safetensors.*sha256|step-00000040\.safetensors.*SHA-256/i);
    expect(result).toMatchObject({ step: 40, finished: true });
  });
});

describe("the reported time", () => {
  afterEach(() => vi.restoreAllMocks());

  it("is that of drawing, training and reporting, not that of evaluations and checkpoints, also of a resumed run", async () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const images = streamScenes(multiStrokes(0));
    const draw: typeof images.draw = (indices, target) => {
      now += 500;
      images.draw(indices, target);
    };
    const path = join(folder, "timed");
    const config = parseTrainConfig({ ...base, trainSize: undefined, stream: true, curriculum: [0.5] });
    const part = async (resume: boolean, stopAt: number) => {
      const { folder: made, lock } = resume
        ? await resumeRunFolder(path, silent)
        : await createRunFolder(path, config, silent);
      const stop = new AbortController();
      const progress: (readonly [step: number, stepsPerSecond: number, secondsLeft: number])[] = [];
      const onEvent = (event: TrainEvent): void => {
        if (event.type !== "progress") now += 1e6;
        else {
          now += 125;
          progress.push([event.step, event.stepsPerSecond, event.secondsLeft]);
          if (event.step === stopAt) stop.abort();
        }
      };
      const result = await train(
        made,
        { ...dataset, train: { ...images, draw } },
        { signal: stop.signal, onEvent, resume },
      );
      lock.release();
      return { made, result, progress };
    };
    const first = await part(false, 15);
    const second = await part(true, 0);
    // 500 ms of drawing in each run of 5 steps and 125 of the display of the run before. Each stage and call begins anew.
    expect(first.progress.map(([step, rate]) => [step, rate])).toEqual([
      [5, 10],
      [10, 8],
      [15, 8],
    ]);
    expect(first.progress.at(-1)![2]).toBeCloseTo((25 * 1.75) / 15);
    expect(first.result.trainingSeconds).toBeCloseTo(1.75);
    expect(second.result.trainingSeconds).toBeCloseTo(0.5 + 0.5 + 3 * 0.625);
    const records = await readMetrics(second.made.metricsFile, silent);
    expect(records.filter(({ kind }) => kind === "train").map((each) => each.millisecondsPerStep)).toEqual([
      100, 125, 125, 100, 100, 125, 125, 125,
    ]);
    expect(records.filter(({ kind }) => kind === "evaluation").map((each) => each.trainingSeconds)).toEqual([
      0.5,
      0.5 + 0.5 + 3 * 0.625,
    ]);
    expect(trainingSeconds(records)).toBeCloseTo(1.75 + 0.5 + 0.5 + 3 * 0.625);
  });
});

describe("a loss that is not a number", () => {
  it("stops the run with the step in the error", async () => {
    const changes = { optimizer: { warmupSteps: 0, learningRate: 1e30, finalLearningRate: 1e30 }, checkpointEvery: 5 };
    const error = await run("diverged", changes).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DivergedError);
    const { step, message, metric, value } = error as DivergedError;
    expect(metric).toMatch(/^\w+$/);
    expect(Number.isFinite(value)).toBe(false);
    expect(step).toBeGreaterThan(1);
    expect(message).toContain(`at step ${step}`);
    expect(message).toContain("learningRate");
  });
});

it("refuses a data set whose images the model does not take", async () => {
  const path = join(folder, "other-images");
  const { folder: made, lock } = await createRunFolder(path, parseTrainConfig(base), silent);
  const small = await generateMultiStrokes({ seed: 0, size: 8, imageSize: 40 });
  await expect(train(made, { name: "small", train: small, test: small })).rejects.toThrow(/50x50.*40x40/s);
  lock.release();
});
