/** A sweep in a few numbers: mean, spread and worst over the seeds, and how many succeeded. */
import { headlineMeasures, type Measure, measured } from "@air-onnx/measure/measures";
import type { FinishedSeed, SeedRecord } from "./sweep-record.js";

/** Over all seeds that have finished, good or bad. */
export interface Spread {
  readonly mean: number;
  /** Of the sample (n - 1); undefined for one seed. */
  readonly standardDeviation: number | undefined;
  readonly worst: number;
}

export interface SweepSummary {
  readonly seeds: number;
  readonly finished: readonly number[];
  readonly failed: readonly number[];
  /** Neither finished nor failed yet. */
  readonly open: readonly number[];
  /** Finished with at least the accuracy that was asked for. */
  readonly succeeded: readonly number[];
  /** `succeeded` of all seeds, also of those that failed or are still open. */
  readonly successRate: number;
  /**
   * By the key of the measure, and of `trainingMinutes`; undefined as long as no seed has finished. A measure that is not known
   * of each finished seed, as one that is newer than the sweep, is left out.
   */
  readonly spread: Readonly<Record<string, Spread>> | undefined;
}

export function summarize(seeds: readonly SeedRecord[], successAccuracy: number): SweepSummary {
  const finished = seeds.filter((seed): seed is FinishedSeed => seed.status === "finished");
  const failed = seeds.filter(({ status }) => status === "failed");
  const open = seeds.filter(({ status }) => status !== "finished" && status !== "failed");
  const succeeded = finished.filter(({ evaluation }) => evaluation.countAccuracyMap >= successAccuracy);
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
