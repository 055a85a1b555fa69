/** The schedules of a run, which its configuration gives as shares of its steps. */
import type { TrainingSchedules, WarmupCosine } from "@air-onnx/trainer";
import { scheduledSteps, type TrainConfig } from "./config.js";

/** Highest learning rate of an extension, as a share of the run's. The full one would undo what was learned at the low ones. */
const EXTENSION_PEAK = 0.5;

/**
 * The schedules of a run with this configuration.
 *
 * @param begin updates before them: 0 for the run itself, and for an extension those before it; see `extendedAt`
 */
export function schedulesOf(config: TrainConfig, begin = 0): TrainingSchedules {
  const { model, optimizer, presencePriorSchedule, placeExploration } = config;
  const steps = scheduledSteps(config);
  const { beta1, beta2 } = optimizer;
  const own = model.prior.presence;
  const { from, to = own, share } = presencePriorSchedule ?? { from: own, share: 0 };
  const { temperature, firstObjectSteps } = placeExploration;
  return {
    learningRate: learningRateOf(config, begin),
    adam: { beta1, beta2 },
    presencePrior: { from, to, steps: share * steps },
    placeTemperature: { from: temperature.from, to: temperature.to, steps: temperature.share * steps },
    firstObjectSteps,
    evidenceSteps: config.evidenceShare * steps,
  };
}

function learningRateOf({ optimizer, steps, extendedAt }: TrainConfig, begin: number): WarmupCosine {
  const { learningRate, finalLearningRate: floor, warmupSteps } = optimizer;
  const totalSteps = (extendedAt.find((end) => end > begin) ?? steps) - begin;
  if (begin === 0) return { peak: learningRate, floor, warmupSteps, totalSteps };
  return {
    begin,
    peak: Math.max(floor, EXTENSION_PEAK * learningRate),
    floor,
    warmupSteps: Math.min(warmupSteps, Math.floor(totalSteps / 10)),
    totalSteps,
  };
}
