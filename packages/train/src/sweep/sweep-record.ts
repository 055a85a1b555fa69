/**
 * What a sweep is and has come to, as the JSON of its `sweep.json`: one configuration, many seeds, and what became of each.
 * A seed is never taken out again: one that failed stays, with its reason.
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
export const evaluationSchema = z.object({ images: z.number(), countAccuracyMap: z.number() }).catchall(z.number());

const common = {
  seed: seedNumber,
  /** Why earlier tries failed, oldest first: those that the user had tried again. */
  earlierFailures: z.array(z.string()),
};

export const seedSchema = z.discriminatedUnion("status", [
  z.strictObject({ ...common, status: z.literal("waiting") }),
  /** Also that of a seed whose sweep was killed. */
  z.strictObject({ ...common, status: z.literal("running"), step }),
  /** In good order, with a checkpoint. */
  z.strictObject({ ...common, status: z.literal("stopped"), step }),
  z.strictObject({
    ...common,
    status: z.literal("finished"),
    step,
    evaluation: evaluationSchema,
    /** Spent in training steps; evaluations and loading are not in it. */
    trainingMinutes: z.number().nonnegative(),
    endedAt: time,
  }),
  z.strictObject({ ...common, status: z.literal("failed"), step, failure: z.string(), endedAt: time }),
]);

/** One start of the command: the sweep's first, or a going on, perhaps elsewhere. */
const sessionSchema = z.strictObject({
  startedAt: time,
  /** Seeds trained at once. */
  jobs: z.int().positive(),
  /** Of air-onnx and what it stands on, by name. */
  versions: z.record(z.string(), z.string()),
  machine: z.strictObject({
    platform: z.string(),
    processor: z.string(),
    cores: z.int().positive(),
    memoryGigabytes: z.number().positive(),
  }),
});

export const sweepSchema = z.strictObject({
  format: z.literal(SWEEP_FORMAT.format),
  formatVersion: z.literal(SWEEP_FORMAT.formatVersion),
  /** Starts the same sweep anew. */
  command: z.string(),
  createdAt: time,
  updatedAt: time,
  /** The training configuration without its seed. */
  config: z.record(z.string(), z.unknown()),
  /** A seed succeeds if it finishes with at least this MAP count accuracy. */
  successAccuracy: z.number().gt(0).lt(1),
  sessions: z.array(sessionSchema).min(1),
  seeds: z.array(seedSchema).min(1),
  /** For readers: it follows from the seeds. */
  summary: z.unknown(),
});

export type SeedRecord = Readonly<z.output<typeof seedSchema>>;
export type SeedStatus = SeedRecord["status"];
export type FinishedSeed = Extract<SeedRecord, { status: "finished" }>;
export type SweepSession = Readonly<z.output<typeof sessionSchema>>;

/** What a sweep is asked to do; it does not change any more once it has begun. */
export interface SweepPlan {
  /** Of every seed; its own seed has no meaning. */
  readonly config: TrainConfig;
  /** Starts the same sweep anew. */
  readonly command: string;
  readonly seeds: readonly number[];
  /** A seed succeeds if it finishes with at least this MAP count accuracy. */
  readonly successAccuracy: number;
}
