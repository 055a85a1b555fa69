/** The summary of a sweep: mean, spread and worst value over the seeds, and how many succeeded. */
import { headlineMeasures, type Measure, measured } from "@air-onnx/measure/measures";
import type { FinishedSeed, SeedRecord } from "./sweep-record.js";

/** The distribution of a number over all finished seeds, good or bad. */
export interface Spread {
  /** Mean over the seeds. */
  readonly mean: number;
  /** Sample standard deviation (n - 1); undefined for one seed. */
  readonly standardDeviation: number | undefined;
  /** Worst value: the lowest or the highest, depending on the measure. */
  readonly worst: number;
}

/** The summary of a sweep. Seeds are listed by number. */
export interface SweepSummary {
  /** Number of all seeds. */
  readonly seeds: number;
  /** Seeds that have finished. */
  readonly finished: readonly number[];
  /** Seeds that have failed. */
  readonly failed: readonly number[];
  /** Seeds that have neither finished nor failed. */
  readonly open: readonly number[];
  /** Seeds that have finished with at least the requested accuracy; all that have finished if no true count is known. */
  readonly succeeded: readonly number[];
  /** Share of `succeeded` among all seeds, failed and open ones included. */
  readonly successRate: number;
  /**
   * Spread of each measure by its key, and of `trainingMinutes`; undefined until a seed has finished. A measure that some
   * finished seed lacks, because it is newer than the sweep, is left out.
   */
  readonly spread: Readonly<Record<string, Spread>> | undefined;
}

/** Summarizes the seeds of a sweep. */
export function summarize(seeds: readonly SeedRecord[], successAccuracy: number): SweepSummary {
  const finished = seeds.filter((seed): seed is FinishedSeed => seed.status === "finished");
  const failed = seeds.filter(({ status }) => status === "failed");
  const open = seeds.filter(({ status }) => status !== "finished" && status !== "failed");
  const succeeded = finished.filter(({ evaluation }) => (evaluation.countAccuracyMap ?? 1) >= successAccuracy);
  const numbers = (records: readonly SeedRecord[]): number[] => records.map(({ seed }) => seed);
  const spreads = headlineMeasures.flatMap((measure): [string, Spread][] => {
    const values = finished.flatMap(({ evaluation }) => measured(evaluation, measure) ?? []);
    return values.length < finished.length ? [] : [[measure.key, spreadOf(values, worstOf(measure))]];
  });
  return {
    seeds: seeds.length,
    finished: numbers(finished),
    failed: numbers(failed),
    open: numbers(open),
    succeeded: numbers(succeeded),
    successRate: succeeded.length / seeds.length,
    spread:
      finished.length === 0
        ? undefined
        : {
            ...Object.fromEntries(spreads),
            trainingMinutes: spreadOf(
              finished.map(({ trainingMinutes }) => trainingMinutes),
              Math.max,
            ),
          },
  };
}

function worstOf({ better }: Measure): (...values: number[]) => number {
  return better === "lower" ? Math.max : Math.min;
}

function spreadOf(values: readonly number[], worst: (...values: number[]) => number): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    mean,
    standardDeviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : undefined,
    worst: worst(...values),
  };
}
