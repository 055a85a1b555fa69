/**
 * The curriculum on the number of objects: training starts with a model of one inference step, then two, and so on up
 * to the model's `maxSteps`. The first inference step then learns to find and draw whole objects before others can help
 * it. If all inference steps train from the start, they may learn to draw one object together, a part each, and never
 * unlearn it.
 *
 * The parameters' shapes do not depend on the number of inference steps, so each stage continues with the parameters of
 * the stage before. Its training steps are cheaper the fewer inference steps it has.
 */
import type { TrainConfig } from "./config.js";

/** Consecutive training steps with the same number of inference steps. */
export interface Stage {
  /** The run's configuration, with the `maxSteps` of this stage. */
  readonly config: TrainConfig;
  /** Number of training steps since the start of the run at which the stage ends. */
  readonly end: number;
}

/** The stage of a run after `step` training steps. Stages end at a multiple of `stepsPerRun`. */
export function stageAt(config: TrainConfig, step: number): Stage {
  let share = 0;
  for (const [i, stageShare] of config.curriculum.entries()) {
    share += stageShare;
    const end = Math.round((share * config.steps) / config.stepsPerRun) * config.stepsPerRun;
    if (step < end) return { config: { ...config, model: { ...config.model, maxSteps: i + 1 } }, end };
  }
  return { config, end: config.steps };
}
