/** A sweep in a few numbers: mean, spread and worst over the seeds, and how many succeeded. */
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
  /** Undefined as long as no seed has finished. */
  readonly spread: Readonly<Record<SpreadName, Spread>> | undefined;
}

export type SpreadName = "countAccuracySampled" | "countAccuracyMap" | "elbo" | "trainingMinutes";

export function summarize(seeds: readonly SeedRecord[], successAccuracy: number): SweepSummary {
  const finished = seeds.filter((seed): seed is FinishedSeed => seed.status === "finished");
  const failed = seeds.filter(({ status }) => status === "failed");
  const open = seeds.filter(({ status }) => status !== "finished" && status !== "failed");
  const succeeded = finished.filter(({ evaluation }) => evaluation.countAccuracyMap >= successAccuracy);
  const numbers = (records: readonly SeedRecord[]): number[] => records.map(({ seed }) => seed);
  const measured = (name: "countAccuracySampled" | "countAccuracyMap" | "elbo"): Spread =>
    spreadOf(
      finished.map(({ evaluation }) => evaluation[name]),
      Math.min,
    );
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
            countAccuracySampled: measured("countAccuracySampled"),
            countAccuracyMap: measured("countAccuracyMap"),
            elbo: measured("elbo"),
            trainingMinutes: spreadOf(
              finished.map(({ trainingMinutes }) => trainingMinutes),
              Math.max,
            ),
          },
  };
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
