/** The training time of a run, over all of its calls, from its log. */
import type { MetricsRecord } from "./metrics-log.js";

/**
 * Adds up the wall time of training, as in `TrainResult.trainingSeconds`, seconds; undefined if some report lacks the time of
 * its steps.
 */
export function trainingSeconds(records: readonly MetricsRecord[]): number | undefined {
  let done = 0;
  let milliseconds = 0;
  for (const { kind, step, millisecondsPerStep } of records) {
    if (kind !== "train") continue;
    if (typeof millisecondsPerStep !== "number") return undefined;
    milliseconds += (step - done) * millisecondsPerStep;
    done = step;
  }
  return milliseconds / 1000;
}
