/**
 * Numbers stay numbers: whatever the settings and images are, a configuration is refused by the name of the setting, or training ends
 * with finite metrics and parameters, or it stops at the first number that is none, with advice that fits the cause.
 */
import { ConfigError } from "@air-onnx/core";
import { emptyScenes, type TrainingData } from "@air-onnx/scenes";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { long } from "../../../test/requirements/long.js";
import { parseTrainConfig, type TrainConfig, type TrainConfigInput } from "../src/config.js";
import { DivergedError } from "../src/errors.js";
import { checkpointShapes } from "../src/initial-state.js";
import { createRunFolder, loadNewestCheckpoint, readMetrics } from "../src/run/index.js";
import { train } from "../src/train.js";
import { useTemporaryFolder } from "./run/temporary-folder.js";

const SIDE = 28;
const PIXELS = SIDE ** 2;
const silent = (): void => {};

/** What the pixels of image sets are that people bring by mistake, and of noise. */
const kinds = {
  black: () => 0,
  white: () => 255,
  "one image": (i: number) => ((i % PIXELS) * 37) % 256,
  noise: (i: number) => (i * 7919 + (i >> 3) * 104_729) % 256,
} as const;
type Kind = keyof typeof kinds;

const at = useTemporaryFolder();
let runs = 0;

function configOf({ model, optimizer, ...settings }: Partial<TrainConfigInput>): TrainConfig {
  const { architecture = "reference" } = settings;
  return parseTrainConfig({
    dataset: "multi-strokes",
    architecture,
    batchSize: 4,
    threads: 1,
    steps: 6,
    stepsPerRun: 3,
    evaluateEvery: 6,
    evaluateImages: 4,
    checkpointEvery: 6,
    trainSize: 8,
    testSize: 4,
    ...settings,
    optimizer: { warmupSteps: 1, ...optimizer },
    model: {
      imageSize: SIDE,
      objectSize: 10,
      zWhatSize: 3,
      predictorSize: 6,
      encoderSize: 6,
      decoderSize: 6,
      ...(architecture === "reference" && { lstmSize: 6 }),
      ...model,
    },
  } as TrainConfigInput);
}

/** What training a small model for a few steps throws. */
async function attempt(kind: Kind, config: TrainConfig): Promise<unknown> {
  const { folder, lock } = await createRunFolder(at(String(runs++)), config, silent);
  const images = (size: number) => {
    const scenes = emptyScenes(size, SIDE, 1, 2);
    scenes.images.forEach((_, i) => {
      scenes.images[i] = kinds[kind](i);
    });
    return scenes;
  };
  const dataset: TrainingData = { name: "multi-strokes", train: images(8), test: images(4) };
  try {
    const result = await train(folder, dataset);
    expect(result.finished).toBe(true);
    expect(await readMetrics(folder.metricsFile, silent)).not.toHaveLength(0); // It refuses what is not finite.
    const { parameters } = (await loadNewestCheckpoint(folder, checkpointShapes, silent))!;
    for (const [name, { data }] of Object.entries(parameters)) {
      expect(data.every(Number.isFinite), name).toBe(true);
    }
    return undefined;
  } catch (error) {
    return error;
  } finally {
    lock.release();
  }
}

/** Powers of ten, far beyond what is of use. */
const power = (least: number, most: number) => fc.integer({ min: least, max: most }).map((exponent) => 10 ** exponent);
const seldom = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 1 });

const given = fc.record(
  {
    kind: fc.constantFrom(...(Object.keys(kinds) as Kind[])),
    architecture: fc.constantFrom("reference", "local"),
    std: seldom(power(-40, 40)),
    whereStd: seldom(power(-40, 40)),
    whereMean: seldom(power(-40, 40)),
    decoderBias: seldom(power(-3, 40).map((value) => -value)),
    presence: seldom(fc.constantFrom(5e-324, 1e-300, 1e-12, 1 - 1e-12, 1 - Number.EPSILON)),
    learningRate: seldom(power(-45, 45)),
    clipNorm: seldom(power(-45, 45)),
    epsilon: seldom(power(-60, 10)),
  } as const,
  { requiredKeys: ["kind", "architecture"] },
);

describe("extremes", () => {
  it("end in finite numbers, a refusal that names the setting, or a stop with advice", {
    timeout: 600_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(given, async ({ kind, architecture, ...extreme }) => {
        const { std, whereStd, whereMean, decoderBias, presence, learningRate, clipNorm, epsilon } = extreme;
        let config: TrainConfig;
        try {
          config = configOf({
            architecture,
            model: {
              ...(std !== undefined && { likelihood: { type: "gaussian", std } }),
              ...(decoderBias !== undefined && { decoderBias }),
              prior: {
                ...(presence !== undefined && { presence }),
                ...(whereStd !== undefined && { whereStd: [whereStd, whereStd, whereStd] }),
                ...(whereMean !== undefined && { whereMean: [whereMean, 0, 0] }),
              },
            },
            optimizer: {
              ...(learningRate !== undefined && { learningRate, finalLearningRate: learningRate }),
              ...(clipNorm !== undefined && { clipNorm }),
              ...(epsilon !== undefined && { epsilon }),
            },
          } as Partial<TrainConfigInput>);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          const { issues } = error as ConfigError;
          for (const { key } of issues)
            expect(Object.keys(extreme)).toContain(key!.split(".").find((part) => part in extreme));
          return;
        }
        const outcome = await attempt(kind, config);
        if (outcome === undefined) return;
        expect(outcome).toBeInstanceOf(DivergedError);
        const { step, message } = outcome as DivergedError;
        // Before the first update it cannot be the rate, and after it these rates are what is extreme.
        if (step === 1) expect(message).toMatch(/look at model\.likelihood/);
        else expect(message).toMatch(/lower optimizer\.learningRate/);
      }),
      { numRuns: long({ what: "trainings with extreme settings", now: 12, inFull: 300 }) },
    );
  });

  it.each(Object.keys(kinds) as Kind[])("train on images that are all %s", async (kind) => {
    expect(await attempt(kind, configOf({}))).toBeUndefined();
  });

  it("name a rate that is too high", async () => {
    const error = await attempt("noise", configOf({ optimizer: { learningRate: 1e30, finalLearningRate: 1e30 } }));
    expect(error).toBeInstanceOf(DivergedError);
    expect((error as Error).message).toMatch(/at step [2-6];.* lower optimizer\.learningRate/);
  });

  it.each([
    [{ optimizer: { epsilon: 1e-60 } }, "optimizer.epsilon"],
    [{ optimizer: { clipNorm: 1e40 } }, "optimizer.clipNorm"],
    [{ model: { likelihood: { type: "gaussian", std: 1e-20 } } }, "model.likelihood.std"],
    [{ model: { prior: { whereMean: [1e20, 0, 0] } } }, "model.prior.whereMean"],
  ] as const)("that float32 cannot hold are refused: %j", (settings, key) => {
    expect(() => configOf(settings as Partial<TrainConfigInput>)).toThrow(key);
  });
});
