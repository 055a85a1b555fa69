/** How long a run has trained, over all of its calls, by its log. */
import type { MetricsRecord } from "./metrics-log.js";

/** Time spent in training steps, seconds; undefined if a report does not say how long its steps took. */
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
