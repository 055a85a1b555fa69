/** How far a training in another process is, by looking at the metrics that it writes. */
import { type MetricsRecord, readMetrics } from "../run/metrics-log.js";

export interface MetricsListener {
  /** Steps done, whenever there are more. */
  readonly onStep: (step: number) => void;
  /** Each evaluation, once. */
  readonly onEvaluation: (record: MetricsRecord) => void;
}

/** Between two looks. */
const EVERY_MS = 1000;

/**
 * Watches the log `file`, which need not exist yet, until it is disposed of, which takes a last look.
 *
 * @param after only what is of later steps is told
 */
export function watchMetrics(file: string, after: number, { onStep, onEvaluation }: MetricsListener): AsyncDisposable {
  let step = after;
  let evaluated = after;
  const look = async (): Promise<void> => {
    // What cannot be read is the training process's to complain of.
    const records = await readMetrics(file, () => {}).catch(() => []);
    const last = records.at(-1);
    if (last && last.step > step) {
      step = last.step;
      onStep(step);
    }
    for (const record of records) {
      if (record.kind !== "evaluation" || record.step <= evaluated) continue;
      evaluated = record.step;
      onEvaluation(record);
    }
  };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
  }, EVERY_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await looking;
      await look();
    },
  };
}
