/**
 * The content of `sweep.json`: one configuration, many seeds, and the outcome of each. Seeds are never removed: a failed
 * seed stays, with its reason.
 */
import { z } from "zod";
import type { TrainConfig } from "../config.js";

/** Raised when a reader of the old version could misread the new one. */
export const SWEEP_FORMAT = { format: "air-onnx-sweep", formatVersion: 1 } as const;

const seedNumber = z.int().nonnegative();
const step = z.int().nonnegative();
/** ISO 8601. */
const time = z.string();

/** Every number of the evaluation after the last step, on all held-out images; see `Evaluation` for their meaning. */
export const evaluationSchema = z.object({ images: z.number() }).catchall(z.number());

const common = {
  seed: seedNumber,
  /** Reasons of earlier failures, oldest first, for a seed that the user had trained again. */
  earlierFailures: z.array(z.string()),
};

/** The schema of {@link SeedRecord}. */
export const seedSchema = z.discriminatedUnion("status", [
  z.strictObject({ ...common, status: z.literal("waiting") }),
  /** Also the status of a seed whose sweep was killed. */
  z.strictObject({ ...common, status: z.literal("running"), step }),
  /** Stopped by the user, with a checkpoint. */
  z.strictObject({ ...common, status: z.literal("stopped"), step }),
  z.strictObject({
    ...common,
    status: z.literal("finished"),
    step,
    evaluation: evaluationSchema,
    /** Time in training steps, without evaluations and loading. */
    trainingMinutes: z.number().nonnegative(),
    endedAt: time,
  }),
  z.strictObject({ ...common, status: z.literal("failed"), step, failure: z.string(), endedAt: time }),
]);

/** The schema of {@link SweepSession}. */
export const sessionSchema = z.strictObject({
  startedAt: time,
  /** Number of seeds trained at once. */
  jobs: z.int().positive(),
  /** Versions of air-onnx and of the software that it uses, by name. */
  versions: z.record(z.string(), z.string()),
  machine: z.strictObject({
    platform: z.string(),
    processor: z.string(),
    cores: z.int().positive(),
    memoryGigabytes: z.number().positive(),
  }),
});

/** The schema of `sweep.json`. */
export const sweepSchema = z.strictObject({
  format: z.literal(SWEEP_FORMAT.format),
  formatVersion: z.literal(SWEEP_FORMAT.formatVersion),
  /** The command that starts the same sweep again. */
  command: z.string(),
  createdAt: time,
  updatedAt: time,
  /** The training configuration without its seed. */
  config: z.record(z.string(), z.unknown()),
  /** A seed succeeds if it finishes with at least this MAP count accuracy, or at all if no true count is known. */
  successAccuracy: z.number().gt(0).lt(1),
  sessions: z.array(sessionSchema).min(1),
  seeds: z.array(seedSchema).min(1),
  /** The summary, for readers of the file; it follows from the seeds. */
  summary: z.unknown(),
});

/** One seed of a sweep: its number, status and, if it has finished or failed, the outcome. */
export type SeedRecord = Readonly<z.output<typeof seedSchema>>;
/** The status of a seed. */
export type SeedStatus = SeedRecord["status"];
/** A seed that has finished, with its evaluation. */
export type FinishedSeed = Extract<SeedRecord, { status: "finished" }>;
/** One start of a sweep: the first, or a resumption, perhaps on another machine. */
export type SweepSession = Readonly<z.output<typeof sessionSchema>>;

/** The plan of a sweep, which does not change once the sweep has begun. */
export interface SweepPlan {
  /** Configuration of every seed; its own `seed` is ignored. */
  readonly config: TrainConfig;
  /** The command that starts the same sweep again. */
  readonly command: string;
  /** The seeds to train. */
  readonly seeds: readonly number[];
  /** A seed succeeds if it finishes with at least this MAP count accuracy. */
  readonly successAccuracy: number;
}
