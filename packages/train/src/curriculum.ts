/**
 * A curriculum on the number of objects: a run begins as that of a model that can find one object, then two, … and ends as
 * that of the whole model. So the first step learns to find and draw a whole object, and later ones what it leaves; all at
 * once, every step may learn to paint its share of one object, and that stays so.
 *
 * No parameter's shape depends on the number of steps, so each stage takes over from the last, and costs less than it.
 */
import type { TrainConfig } from "./config.js";

/** Consecutive training steps with the same number of inference steps. */
export interface Stage {
  /** The run's configuration, but for the model's `maxSteps`. */
  readonly config: TrainConfig;
  /** Training steps done when it ends. */
  readonly end: number;
}

/** What a run that has done `step` training steps goes on with. Stages end after whole runs of the traced graph. */
export function stageAt(config: TrainConfig, step: number): Stage {
  let share = 0;
  for (const [i, stageShare] of config.curriculum.entries()) {
    share += stageShare;
    const end = Math.round((share * config.steps) / config.stepsPerRun) * config.stepsPerRun;
    if (step < end) return { config: { ...config, model: { ...config.model, maxSteps: i + 1 } }, end };
  }
  return { config, end: config.steps };
}
