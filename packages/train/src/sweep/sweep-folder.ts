/**
 * The folder of one sweep: one configuration trained with many seeds.
 *
 *     sweep.json     all of its numbers, and what it was asked for; see sweep-record.ts
 *     table.md       the same for people
 *     seed-0         a run folder for each seed, see run-folder.ts
 *     lock           while a process trains
 *
 * `sweep.json` and `table.md` are written anew whenever a seed starts or ends.
 */
import { existsSync } from "node:fs";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { parseWith } from "@air-onnx/core";
import { FileError, OutputFolderError, reasonInWords, writeFileAtomic } from "@air-onnx/scenes";
import type { z } from "zod";
import { parseTrainConfig } from "../config.js";
import { refuseIfOccupied, removeLeftTemporaries, whatElseIsIn } from "../run/half-made.js";
import { readJsonFile } from "../run/json-file.js";
import { type FileLock, type OnNotice, takeLock } from "../run/lock.js";
import { RunFolder } from "../run/run-folder.js";
import { type SweepSummary, summarize } from "./summary.js";
import { type SeedRecord, SWEEP_FORMAT, type SweepPlan, type SweepSession, sweepSchema } from "./sweep-record.js";
import { sweepTable } from "./sweep-table.js";

const SWEEP_FILE = "sweep.json";
/** Most bytes of `sweep.json`, which has a few hundred for each seed. */
const MAX_SWEEP_BYTES = 2 ** 24;
const LOCK_FILE = "lock";

/** A sweep and its folder. */
export class SweepFolder {
  /** Path of `table.md`. */
  readonly tableFile: string;
  /** Path of `sweep.json`. */
  readonly sweepFile: string;
  readonly #seeds: Map<number, SeedRecord>;
  readonly #sessions: SweepSession[];
  #writing: Promise<void> = Promise.resolve();

  constructor(
    /** Path of the folder. */
    readonly path: string,
    /** The plan of the sweep. */
    readonly plan: SweepPlan,
    private readonly createdAt: string,
    seeds: readonly SeedRecord[],
    sessions: readonly SweepSession[],
  ) {
    this.sweepFile = join(path, SWEEP_FILE);
    this.tableFile = join(path, "table.md");
    this.#seeds = new Map(seeds.map((seed) => [seed.seed, seed]));
    this.#sessions = [...sessions];
  }

  /** The seeds in the order of the plan. */
  get seeds(): readonly SeedRecord[] {
    return [...this.#seeds.values()];
  }

  /** The summary of the seeds as they are now. */
  get summary(): SweepSummary {
    return summarize(this.seeds, this.plan.successAccuracy);
  }

  /** The run folder of a seed. */
  runOf(seed: number): RunFolder {
    return new RunFolder(join(this.path, `seed-${seed}`), { ...this.plan.config, seed });
  }

  /** The table of the seeds and their summary, Markdown. */
  table(): string {
    return sweepTable(this.plan, this.seeds, this.#sessions);
  }

  /** The table under a title, Markdown. */
  page(): string {
    const seeds = this.#seeds.size;
    return `# ${this.plan.config.dataset}: ${seeds} ${seeds === 1 ? "seed" : "seeds"}\n\n${this.table()}`;
  }

  /** Adds a start of the sweep. */
  addSession(session: SweepSession): void {
    this.#sessions.push(session);
  }

  /**
   * Replaces the record of a seed.
   *
   * @throws {RangeError} if the sweep has no such seed
   */
  record(seed: SeedRecord): void {
    if (!this.#seeds.has(seed.seed)) throw new RangeError(`Seed ${seed.seed} is none of the sweep's`);
    this.#seeds.set(seed.seed, seed);
  }

  /**
   * Writes `sweep.json` and `table.md`. Overlapping calls write one after the other; the last one writes the newest state.
   *
   * @throws {FileError} if they cannot be written; the old files then stay as they were
   */
  save(): Promise<void> {
    const saved = this.#writing.then(() => this.#write());
    this.#writing = saved.catch(() => {});
    return saved;
  }

  async #write(): Promise<void> {
    const { command, successAccuracy, config } = this.plan;
    const { seed: _, ...shared } = config;
    const json: z.input<typeof sweepSchema> = {
      ...SWEEP_FORMAT,
      command,
      createdAt: this.createdAt,
      updatedAt: new Date().toISOString(),
      config: shared,
      successAccuracy,
      sessions: this.#sessions,
      seeds: [...this.seeds],
      summary: this.summary,
    };
    await writeFileAtomic(this.sweepFile, `${JSON.stringify(json, null, 2)}\n`);
    await writeFileAtomic(this.tableFile, this.page());
  }
}

/** A sweep that only this process may write to, until the lock is released. */
export interface LockedSweep {
  /** The sweep. */
  readonly sweep: SweepFolder;
  /** The lock of its folder. */
  readonly lock: FileLock;
}

/**
 * Makes the folder `path`, with the folders above it, for a new sweep. What a making that was killed left there is no obstacle.
 *
 * @throws {FileError} if it holds anything else, is locked, or cannot be written; then there is nothing new, or a sweep to go on with
 */
export async function createSweep(
  path: string,
  plan: SweepPlan,
  session: SweepSession,
  onNotice: OnNotice,
): Promise<LockedSweep> {
  const cannotCreate = (cause: unknown): FileError => {
    if (cause instanceof FileError) return cause;
    const isFile = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    const reason = isFile ? "it is a file" : reasonInWords(cause);
    return new OutputFolderError(`Cannot create sweep folder ${path}: ${reason}`, path, {
      kind: isFile ? "occupied" : "access",
      cause,
    });
  };
  let isNew = false;
  let lock: FileLock | undefined;
  try {
    isNew = (await mkdir(path, { recursive: true })) !== undefined;
    await refuseUnlessEmpty(path);
    lock = takeLock(join(path, LOCK_FILE), onNotice);
    // Again, now that no other process can be filling it.
    await refuseUnlessEmpty(path);
    await removeLeftTemporaries([path], onNotice);
    const seeds = plan.seeds.map((seed): SeedRecord => ({ seed, status: "waiting", earlierFailures: [] }));
    const sweep = new SweepFolder(path, plan, session.startedAt, seeds, [session]);
    await sweep.save();
    return { sweep, lock };
  } catch (cause) {
    lock?.release();
    // Only if it is empty.
    if (isNew) await rmdir(path).catch(() => {});
    throw cannotCreate(cause);
  }
}

/** Whether the folder `path` is a sweep's. */
export function isSweep(path: string): boolean {
  return existsSync(join(path, SWEEP_FILE));
}

/**
 * Reads a sweep. Another process may be training into it.
 *
 * @throws {FileError} if `path` holds no sweep
 * @throws {ConfigError} if its `sweep.json` or the configuration in it is not valid
 */
export function openSweep(path: string): SweepFolder {
  const file = join(path, SWEEP_FILE);
  const unreadable = (cause: unknown): FileError =>
    new FileError(`${path} is not a sweep's folder: cannot read ${SWEEP_FILE}: ${reasonInWords(cause)}`, path, {
      cause,
    });
  const json = readJsonFile(file, { maxBytes: MAX_SWEEP_BYTES, unreadable });
  const { command, successAccuracy, createdAt, seeds, sessions, config } = parseWith(sweepSchema, json, file);
  const plan: SweepPlan = {
    config: parseTrainConfig(config),
    command,
    seeds: seeds.map(({ seed }) => seed),
    successAccuracy,
  };
  return new SweepFolder(path, plan, createdAt, seeds, sessions);
}

/**
 * Opens a sweep to go on with it, and deletes what killed processes left half-written.
 *
 * @throws {FileError} if `path` holds no sweep, or another process is training into it
 * @throws {ConfigError} if its `sweep.json` or the configuration in it is not valid
 */
export async function resumeSweep(path: string, onNotice: OnNotice): Promise<LockedSweep> {
  // Before the lock, so that a folder of something else is left as it is; and after, when it does not change any more.
  openSweep(path);
  const lock = takeLock(join(path, LOCK_FILE), onNotice);
  try {
    await removeLeftTemporaries([path], onNotice);
    const sweep = openSweep(path);
    return { sweep, lock };
  } catch (cause) {
    lock.release();
    throw cause;
  }
}

async function refuseUnlessEmpty(path: string): Promise<void> {
  refuseIfOccupied(path, "sweep", {
    marker: SWEEP_FILE,
    found: await whatElseIsIn(path, { lock: LOCK_FILE, files: [SWEEP_FILE], emptyFolders: [] }),
  });
}
