/** Trains the open seeds of a sweep, several at once, each in its own process. A seed that fails does not stop the others. */

import { ConfigError } from "@air-onnx/core";
import { type DataPlaces, FileError } from "@air-onnx/scenes";
import type { OnNotice } from "../run/lock.js";
import type { MetricsRecord } from "../run/metrics-log.js";
import { watchMetrics } from "./metrics-watch.js";
import { trainInProcess } from "./seed-process.js";
import { readSeedRun, waitUntilSeedRunIsFree } from "./seed-run.js";
import type { SweepFolder } from "./sweep-folder.js";
import type { SeedRecord } from "./sweep-record.js";

/** Listener to the progress of the seeds. */
export interface SweepListener {
  /** Called when a seed begins, or goes on from `step`. */
  started(seed: number, step: number): void;
  /** Called when a seed has done `step` training steps. */
  reached(seed: number, step: number): void;
  /** Called after each evaluation of a seed but the last. */
  evaluated(seed: number, record: MetricsRecord): void;
  /** Called when a seed has finished, failed or been stopped. */
  ended(seed: SeedRecord): void;
}

/** Options of {@link trainSeeds}. */
export interface SweepTrainingOptions {
  /** Number of seeds trained at once. */
  readonly jobs: number;
  /** Folders of MNIST and of the cache. */
  readonly places: DataPlaces;
  /** Stops every seed, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Listener to the progress. */
  readonly listener: SweepListener;
  /** Called with sentences for the user, such as about what was repaired. */
  readonly onNotice: OnNotice;
}

/** Time in which a process that outlived its killed sweep must notice that and stop. */
const PATIENCE_MS = 60_000;

/** Trains every seed that has neither finished nor failed, and records the outcomes in the sweep folder. */
export async function trainSeeds(sweep: SweepFolder, options: SweepTrainingOptions): Promise<void> {
  const queue = sweep.seeds.filter(({ status }) => status !== "finished" && status !== "failed");
  const work = async (): Promise<void> => {
    while (!options.signal.aborted) {
      const next = queue.shift();
      if (!next) return;
      const ended = await trainSeed(sweep, next, {
        ...options,
        async onRunning(running) {
          sweep.record(running);
          await saveOrTell(sweep, options.onNotice);
        },
      });
      sweep.record(ended);
      options.listener.ended(ended);
      await saveOrTell(sweep, options.onNotice);
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: options.jobs }, work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** Options of {@link trainSeed}. */
export interface SeedTrainingOptions extends Omit<SweepTrainingOptions, "jobs"> {
  /** Called when the seed begins to train. */
  readonly onRunning: (seed: SeedRecord) => Promise<void>;
}

/** Trains one seed, unless its run is finished, and returns its new record. The sweep folder itself stays as it is. */
export async function trainSeed(
  sweep: SweepFolder,
  before: SeedRecord,
  { places, signal, listener, onRunning, onNotice: tell }: SeedTrainingOptions,
): Promise<SeedRecord> {
  const { seed, earlierFailures } = before;
  const about = { seed, earlierFailures };
  const run = sweep.runOf(seed);
  const onNotice = (line: string): void => tell(`seed ${seed}: ${line}`);
  let step = "step" in before ? before.step : 0;
  const now = (): string => new Date().toISOString();
  try {
    await waitUntilSeedRunIsFree(run, { onNotice, signal, patience: PATIENCE_MS });
    let found = await readSeedRun(run);
    if (found.state === "started") step = found.step;
    if (found.state !== "finished") {
      if (signal.aborted) return { ...about, status: "stopped", step };
      await onRunning({ ...about, status: "running", step });
      listener.started(seed, step);
      await using _ = watchMetrics(run.metricsFile, step, {
        onStep: (reached) => listener.reached(seed, reached),
        onEvaluation: (record) => {
          // The last evaluation is reported at the end of the seed.
          if (record.step < run.config.steps) listener.evaluated(seed, record);
        },
      });
      const { mnistDir, cacheDir } = places;
      const config = found.state === "started" ? undefined : run.config;
      const outcome = await trainInProcess({ path: run.path, config, mnistDir, cacheDir }, { signal, onNotice });
      found = await readSeedRun(run);
      if (found.state === "started") step = found.step;
      if (found.state !== "finished") {
        if (outcome.type === "stopped") return { ...about, status: "stopped", step };
        const failure = outcome.type === "failed" ? outcome.reason : "ended without an evaluation after its last step";
        return { ...about, status: "failed", step, failure, endedAt: now() };
      }
    }
    const { state: _, ...result } = found;
    return { ...about, status: "finished", ...result, endedAt: now() };
  } catch (cause) {
    // Faults of the files of this seed do not concern the others.
    if (!(cause instanceof FileError || cause instanceof ConfigError)) throw cause;
    return { ...about, status: "failed", step, failure: cause.message, endedAt: now() };
  }
}

/** Saves the sweep. A failure here is only a notice: the sweep is saved again at the end of each seed, and at its own end it must succeed. */
async function saveOrTell(sweep: SweepFolder, onNotice: OnNotice): Promise<void> {
  await sweep.save().catch((cause: unknown) => {
    if (!(cause instanceof FileError)) throw cause;
    onNotice(`${cause.message}; going on, and trying again later`);
  });
}
