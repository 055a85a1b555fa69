/** The graphs with which a program without TensorFlow.js trains what a configuration says, and what it must know of them. */
import { ConfigError } from "@air-onnx/core";
import { scheduledNames, type TrainingManifest, type TrainingSchedules } from "@air-onnx/trainer";
import type { TrainConfig } from "./config.js";
import { stageAt } from "./curriculum.js";
import { stepDefinition } from "./engine/create.js";
import { encodeTrainingLoop } from "./engine/encoded-loop.js";
import { noiseInput } from "./engine/traced-step.js";
import { encodeEvaluation } from "./evaluate.js";
import { initialIntervals, parameterShapes } from "./model/parameters.js";
import { estimators } from "./objective/estimators.js";
import { schedulesOf } from "./schedules-of.js";

/** The graph of one stage, and the manifest's entry without the file. */
export interface StageGraph {
  /** The serialised graph. */
  readonly model: Uint8Array;
  /** What the manifest says of the stage beside its file. */
  readonly stage: Omit<TrainingManifest["stages"][number], "file">;
}

/** The graphs of one training. */
export interface TrainingGraphs {
  /** Graphs of the stages, in their order. */
  readonly stages: readonly StageGraph[];
  /** The serialised evaluation graph of the whole model. */
  readonly evaluation: Uint8Array;
  /** Every parameter, and where it starts. */
  readonly parameters: TrainingManifest["parameters"];
  /** How scheduled inputs change. */
  readonly schedules: TrainingSchedules;
}

/**
 * Traces the graphs of a training.
 *
 * @throws {ConfigError} for a configuration with composed, augmented or preprocessed images, or of an extended run
 */
export function trainingGraphs(config: TrainConfig): TrainingGraphs {
  refuseOther(config);
  const { model } = config;
  const stages: StageGraph[] = [];
  for (let step = 0; step < config.steps; step = stages.at(-1)!.stage.end) {
    stages.push(stageGraph(config, step));
  }
  const own = parameterShapes(model);
  const intervals = initialIntervals(model, estimators[config.estimator].parameters(model));
  const schedules = schedulesOf(config);
  const inputs = new Set(stages.flatMap(({ stage }) => stage.perStep.map(({ holds }) => holds)));
  return {
    stages,
    evaluation: encodeEvaluation(model),
    parameters: intervals.map(({ name, shape, bound, values }) => ({
      name,
      shape: [...shape],
      bound,
      ...(values && { values: [...values] }),
      of: name in own ? "model" : "estimator",
    })),
    schedules: {
      ...schedules,
      placeTemperature: inputs.has("placeTemperature") ? schedules.placeTemperature : undefined,
      firstObjectSteps: inputs.has("firstObjectWeight") ? schedules.firstObjectSteps : undefined,
      evidenceSteps: inputs.has("evidenceWeight") ? schedules.evidenceSteps : undefined,
    },
  };
}

function stageGraph(config: TrainConfig, step: number): StageGraph {
  const { config: staged, begin, end } = stageAt(config, step);
  const { model, signature, perStep } = encodeTrainingLoop(stepDefinition(staged));
  const noise = estimators[config.estimator].noise(staged.model, config.batchSize);
  const distributions = new Map(
    Object.entries(noise).map(([name, { distribution }]) => [noiseInput(name), distribution] as const),
  );
  const holds = (name: string): StageGraph["stage"]["perStep"][number]["holds"] => {
    const scheduled = scheduledNames.find((each) => each === name);
    const found = name === "images" ? name : (scheduled ?? distributions.get(name));
    if (found === undefined) throw new Error(`The training step has an input ${name} that no manifest can describe`);
    return found;
  };
  return {
    model,
    stage: {
      begin,
      end,
      maxSteps: staged.model.maxSteps,
      state: signature.state.map((tensor) => ({ ...tensor, shape: [...tensor.shape] })),
      perStep: signature.perStep.map(({ input, shape }, i) => {
        return { input, shape: [...shape], holds: holds(perStep[i]!) };
      }),
      metrics: [...signature.metrics],
    },
  };
}

function refuseOther({ composition, augmentation, preprocessing, extendedAt }: TrainConfig): void {
  const reason = "as only this package can prepare such images";
  const issues = Object.entries({ composition, augmentation, preprocessing })
    .filter(([, value]) => value !== null)
    .map(([key]) => ({ key, message: `must be null, ${reason}` }));
  // The schedules of training files are those of one run.
  if (extendedAt.length > 0)
    issues.push({ key: "extendedAt", message: "must be empty, as its schedules are of one run" });
  if (issues.length === 0) return;
  throw new ConfigError(
    `Training files cannot be made of this configuration: ${issues.map(({ key, message }) => `${key} ${message}`).join("; ")}`,
    { source: "training configuration", issues: issues.map((issue) => ({ kind: "invalid", ...issue })) },
  );
}
