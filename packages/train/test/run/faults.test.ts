/**
 * Each file operation of a run fails once: the disk is full, a device reports an error, the process is killed. What is done after
 * it must end as if nothing had happened. The engine is a stand-in that adds up its inputs, so that each of the many runs takes
 * milliseconds: what is tested is what becomes of files. `npm run faults` does the same to the command line and the real engine.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { emptyScenes, type TrainingData } from "@air-onnx/scenes";
import { beginFaults, endFaults, type FaultKind, type FileOperation, KilledError } from "@air-onnx/test/faults";
import { eachPart, type TrainingState } from "@air-onnx/trainer";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseTrainConfig } from "../../src/config.js";
import type { Engine, StepInputs } from "../../src/engine/engine.js";
import { createRunFolder, type LockedRun, readMetrics, resumeRunFolder } from "../../src/run/index.js";
import { createSweep, isSweep, openSweep, resumeSweep, type SweepPlan } from "../../src/sweep/index.js";
import { train } from "../../src/train.js";
import { useTemporaryFolder } from "./temporary-folder.js";

/** Every number of the state moves by what is in the inputs: another order, batch or noise gives another end. */
vi.mock("../../src/engine/create.js", () => ({
  createEngine: async (_: unknown, start: TrainingState): Promise<Engine> => {
    const state = structuredClone(start);
    return {
      name: "stand-in",
      run: async ({ steps, images, noise, stepSize }: StepInputs) => {
        const seen = [images, ...Object.values(noise)].map((values) => values.reduce((sum, value) => sum + value, 0));
        const move = Math.fround(seen.reduce((sum, value) => sum + value, stepSize[0]!) / 1000);
        eachPart((part) => {
          for (const { data } of Object.values(state[part])) for (let i = 0; i < data.length; i++) data[i]! += move;
        });
        return { loss: new Float32Array(steps).fill(move), elbo: new Float32Array(steps).fill(-move) };
      },
      state: async () => state,
      [Symbol.asyncDispose]: async () => {},
    };
  },
}));
vi.mock("../../src/evaluate.js", () => ({
  Evaluator: {
    create: async () => ({
      evaluate: async () => ({ images: 4, elbo: 1, countAccuracyMap: 0.5, confusion: [[1]] }),
      explain: async (_: unknown, { imageSize }: { imageSize: number }, __: number, shown: number) =>
        Array.from({ length: shown }, () => ({
          count: 0,
          zWhere: [],
          reconstruction: new Float32Array(imageSize ** 2),
        })),
      [Symbol.asyncDispose]: async () => {},
    }),
  },
}));

const config = parseTrainConfig({
  dataset: "multi-strokes",
  architecture: "reference",
  model: { imageSize: 28, lstmSize: 2, zWhatSize: 2, predictorSize: 2, encoderSize: 2, decoderSize: 2 },
  batchSize: 2,
  threads: 1,
  steps: 8,
  stepsPerRun: 2,
  evaluateEvery: 4,
  evaluateImages: 4,
  checkpointEvery: 4,
  optimizer: { warmupSteps: 2 },
  trainSize: 8,
  testSize: 4,
});
const images = (size: number) => {
  const scenes = emptyScenes(size, 28, 1, 2);
  scenes.images.forEach((_, i) => {
    scenes.images[i] = (i * 37) % 256;
  });
  return scenes;
};
const dataset: TrainingData = { name: "multi-strokes", train: images(8), test: images(4) };

const at = useTemporaryFolder();
const silent = (): void => {};
const { pid } = process;
/** The id of a process that has ended, for what a process that is killed in this one leaves. */
const ended = spawnSync(process.execPath, ["-e", ""]).pid;
const setPid = (value: number) => Object.defineProperty(process, "pid", { value, configurable: true });
let whole: string;

beforeEach(async () => {
  whole = at("whole");
  await begin(whole);
});
afterEach(() => {
  endFaults();
  setPid(pid);
});

async function trainLocked({ folder, lock }: LockedRun, resume: boolean, stopAt?: number): Promise<void> {
  const stop = new AbortController();
  try {
    await train(folder, dataset, {
      resume,
      signal: stop.signal,
      onEvent: (event) => event.type === "progress" && event.step === stopAt && stop.abort(),
    });
  } finally {
    lock.release();
  }
}

const begin = async (path: string, stopAt?: number) =>
  trainLocked(await createRunFolder(path, config, silent), false, stopAt);
const goOn = async (path: string) => trainLocked(await resumeRunFolder(path, silent), true);

/** What the user does after a failure: goes on, or starts again where there is nothing to go on with. */
async function recover(path: string): Promise<void> {
  if (existsSync(join(path, "config.json"))) await goOn(path);
  else await begin(path);
}

/** But for what this process failed to delete: as long as it runs, a temporary of its own may be in use. */
function filesIn(path: string): string[] {
  const own = `~${pid}~`;
  return readdirSync(path)
    .filter((name) => !name.includes(own))
    .sort();
}

/** All that the run at `path` came to, without times. */
async function outcome(path: string) {
  const checkpoints = join(path, "checkpoints");
  return {
    files: filesIn(path),
    // A kill in the deleting of older ones leaves them for the next checkpoint to delete.
    checkpoints: filesIn(checkpoints).slice(-4),
    hash: JSON.parse(readFileSync(join(checkpoints, "step-00000008.json"), "utf8")).sha256,
    pictures: readdirSync(join(path, "pictures")).sort(),
    metrics: (await readMetrics(join(path, "metrics.jsonl"), silent)).map(
      ({ millisecondsPerStep, trainingSeconds, ...rest }) => rest,
    ),
  };
}

/** Does `work` with a fault, and says what came of it. */
async function withFault(work: () => Promise<void>, fault: { at?: number; kind?: FaultKind }) {
  beginFaults({ root: at(), ...fault });
  if (fault.kind === "dead") setPid(ended);
  let error: unknown;
  try {
    await work();
  } catch (cause) {
    error = cause;
  }
  setPid(pid);
  return { error, operations: endFaults() };
}

/** `npm test` takes one operation of so many, each kind of fault others; AIR_ONNX_FAULTS=all takes each. */
const STRIDE = process.env.AIR_ONNX_FAULTS === "all" ? 1 : 5;
const kinds = ["EIO", "ENOSPC", "dead"] as const;

/** The operations of `work` fail in turn, in a place that `prepare` makes anew. */
async function failEach(
  kind: FaultKind,
  { work, prepare, check }: { work: () => Promise<void>; prepare: () => void; check: () => Promise<void> },
): Promise<number> {
  prepare();
  const { error: none, operations } = await withFault(work, {});
  expect(none).toBeUndefined();
  for (const [i, operation] of operations.entries()) {
    if ((i + kinds.indexOf(kind as (typeof kinds)[number])) % STRIDE !== 0) continue;
    prepare();
    const { error } = await withFault(work, { at: i + 1, kind });
    const where = `${kind} at operation ${i + 1}, ${operation.name} of ${operation.path}`;
    try {
      if (error !== undefined && kind !== "dead") expectTyped(error, operation);
      await check();
    } catch (cause) {
      throw new Error(`${where}: ${(cause as Error).message}`, { cause });
    }
  }
  return operations.length;
}

/** A program's own error, in words, which names what is in the folder of the test. */
function expectTyped(error: unknown, { path }: FileOperation): void {
  expect(error).not.toBeInstanceOf(KilledError);
  const { name, message } = error as Error;
  expect(["FileError", "OutputFolderError", "CheckpointError", "CorruptCheckpointError"]).toContain(name);
  expect(message, path).toContain(at());
  expect(message).toMatch(/\((EIO|ENOSPC)\)/);
}

describe.each(kinds)("a run in which %s comes at any file operation", (kind) => {
  it("ends, started again or resumed, bit for bit as the undisturbed one", async () => {
    const expected = await outcome(whole);
    const points = await failEach(kind, {
      prepare: () => rmSync(at("run"), { recursive: true, force: true }),
      work: () => begin(at("run")),
      check: async () => {
        await recover(at("run"));
        expect(await outcome(at("run"))).toEqual(expected);
      },
    });
    expect(points).toBeGreaterThan(90);
  });

  it("ends so, too, if it comes while the run goes on", async () => {
    const expected = await outcome(whole);
    await begin(at("stopped"), 6);
    const points = await failEach(kind, {
      prepare: () => {
        rmSync(at("run"), { recursive: true, force: true });
        cpSync(at("stopped"), at("run"), { recursive: true });
      },
      work: () => goOn(at("run")),
      check: async () => {
        await recover(at("run"));
        expect(await outcome(at("run"))).toEqual({
          ...expected,
          // The one of the stop is the second newest.
          checkpoints: expected.checkpoints.map((name) => name.replace("00000004", "00000006")),
        });
      },
    });
    expect(points).toBeGreaterThan(50);
  });
});

const plan: SweepPlan = { config, command: "air-onnx sweep", seeds: [0, 1], successAccuracy: 0.9 };
const session = {
  startedAt: "2026-05-04T12:00:00.000Z",
  jobs: 1,
  versions: {},
  machine: { platform: "linux x64", processor: "Abacus", cores: 4, memoryGigabytes: 8 },
};

it.each(kinds)("a sweep in whose making %s comes can be made again or gone on with", async (kind) => {
  const make = async () => (await createSweep(at("sweep"), plan, session, silent)).lock.release();
  const points = await failEach(kind, {
    prepare: () => rmSync(at("sweep"), { recursive: true, force: true }),
    work: make,
    check: async () => {
      if (isSweep(at("sweep"))) (await resumeSweep(at("sweep"), silent)).lock.release();
      else await make();
      const sweep = openSweep(at("sweep"));
      expect(sweep.plan).toEqual(plan);
      await sweep.save();
      expect(filesIn(at("sweep"))).toEqual(["sweep.json", "table.md"]);
    },
  });
  expect(points).toBeGreaterThan(10);
});
