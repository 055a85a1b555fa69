/**
 * The curriculum on the number of objects: training starts with a model of one inference step, then two, and so on up
 * to the model's `maxSteps`. The first inference step then learns to find and draw whole objects before others can help
 * it. If all inference steps train from the start, they may learn to draw one object together, a part each, and never
 * unlearn it.
 *
 * The parameters' shapes do not depend on the number of inference steps, so each stage continues with the parameters of
 * the stage before. Its training steps are cheaper the fewer inference steps it has.
 */
import type { AirConfig } from "@air-onnx/core";
import { scheduledSteps, type TrainConfig } from "./config.js";
import type { ComposedBatch } from "./objective/estimator.js";

/** Consecutive training steps with the same number of inference steps and the same kinds of images. */
export interface Stage {
  /** The run's configuration, with the `maxSteps` of this stage. */
  readonly config: TrainConfig;
  /** The model that evaluations are of: with the steps of this stage while the curriculum limits them, then with all. */
  readonly evaluated: AirConfig;
  /** The composed images of each batch; undefined if all are training images. */
  readonly composed: ComposedBatch | undefined;
  /** Number of training steps since the start of the run at which the stage begins. */
  readonly begin: number;
  /** Number of training steps since the start of the run at which the stage ends. */
  readonly end: number;
}

/** The stage of a run after `step` training steps. Stages end at a multiple of `stepsPerRun`, the last with the run. */
export function stageAt(config: TrainConfig, step: number): Stage {
  const { curriculum, composition, model, steps, stepsPerRun, batchSize } = config;
  const scheduled = scheduledSteps(config);
  const upTo = (maxSteps: number): TrainConfig => ({ ...config, model: { ...model, maxSteps } });
  // Something is left to the last stage, even of a run that is no multiple.
  const most = Math.ceil(scheduled / stepsPerRun) - 1;
  const endOf = (share: number): number => Math.min(most, Math.round((share * scheduled) / stepsPerRun)) * stepsPerRun;
  let [share, begin] = [0, 0];
  for (const [i, stageShare] of curriculum.entries()) {
    share += stageShare;
    const end = endOf(share);
    const limited = upTo(i + 1);
    if (step < end) return { config: limited, evaluated: limited.model, composed: undefined, begin, end };
    begin = end;
  }
  const whole = config.trainingMaxSteps === null ? config : upTo(config.trainingMaxSteps);
  const composedBegin = composition === null ? steps : endOf(composition.after);
  if (composition === null || step < composedBegin) {
    return { config: whole, evaluated: model, composed: undefined, begin, end: composedBegin };
  }
  const composed = { images: Math.round(composition.share * batchSize), objects: composition.maxObjects };
  return { config: whole, evaluated: model, composed, begin: composedBegin, end: steps };
}
