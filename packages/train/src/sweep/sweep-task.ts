/**
 * The seeds of a sweep as tasks of a scheduler, each in a process of its own, perhaps on another machine with the same files.
 * Tasks write into their own files alone, `tasks/seed-0.json` and the run folder; who collects them writes the table.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, parseWith } from "@air-onnx/core";
import { FileError, reasonInWords, writeFileAtomic } from "@air-onnx/scenes";
import { readJsonFile } from "../run/json-file.js";
import { dropLockOfOtherMachine } from "../run/lock.js";
import { readSeedRun } from "./seed-run.js";
import type { SweepFolder } from "./sweep-folder.js";
import { type SeedRecord, seedSchema } from "./sweep-record.js";
import { type SweepTrainingOptions, trainSeed } from "./train-seeds.js";

/** Options of {@link trainTask}. */
export interface TaskOptions extends Omit<SweepTrainingOptions, "jobs"> {
  /**
   * Whether the scheduler has ended an earlier try of this task, maybe with its machine. A lock that it left on another machine
   * is then deleted, with a notice.
   */
  readonly isRestarted: boolean;
}

/**
 * Trains one seed of a sweep, or goes on with it from its newest checkpoint, bit for bit. A seed that failed before is tried
 * again.
 *
 * @returns its record, which is on disk as well
 * @throws {RangeError} if the sweep has no such seed
 * @throws {FileError} if the record cannot be read or written
 */
export async function trainTask(
  sweep: SweepFolder,
  seed: number,
  { isRestarted, ...options }: TaskOptions,
): Promise<SeedRecord> {
  const planned = sweep.seeds.find((each) => each.seed === seed);
  if (!planned) throw new RangeError(`Seed ${seed} is none of the sweep's`);
  if (isRestarted) dropLockOfOtherMachine(sweep.runOf(seed).lockFile, options.onNotice);
  const before = taskRecord(sweep, seed) ?? planned;
  const save = (record: SeedRecord): Promise<void> => writeTaskRecord(sweep, record);
  const ended = await trainSeed(sweep, tryAgain(before), { ...options, onRunning: save });
  await save(ended);
  return ended;
}

/**
 * Takes what the tasks have done so far into the sweep's records. Finished seeds are read from their runs; a seed whose task was
 * killed, or is running, is there as running.
 *
 * @throws {FileError} if a record cannot be read
 * @throws {ConfigError} if a record is not valid
 */
export async function collectTasks(sweep: SweepFolder): Promise<void> {
  for (const planned of sweep.seeds) {
    const before = taskRecord(sweep, planned.seed) ?? planned;
    const { seed, earlierFailures } = before;
    if (before.status === "finished") {
      sweep.record(before);
      continue;
    }
    try {
      const found = await readSeedRun(sweep.runOf(seed));
      if (found.state === "finished") {
        const { state: _, ...result } = found;
        const endedAt = new Date().toISOString();
        sweep.record({ seed, earlierFailures, status: "finished", ...result, endedAt });
      } else if (before.status === "failed") {
        sweep.record(before);
      } else if (found.state === "started") {
        const status = before.status === "stopped" ? "stopped" : "running";
        sweep.record({ seed, earlierFailures, status, step: found.step });
      }
    } catch (cause) {
      // Faults of the files of this seed do not concern the others.
      if (!(cause instanceof FileError || cause instanceof ConfigError)) throw cause;
      const endedAt = new Date().toISOString();
      sweep.record({ seed, earlierFailures, status: "failed", step: 0, failure: cause.message, endedAt });
    }
  }
}

function tryAgain(record: SeedRecord): SeedRecord {
  if (record.status !== "failed") return record;
  const { seed, step, failure, earlierFailures } = record;
  return { seed, status: "stopped", step, earlierFailures: [...earlierFailures, failure] };
}

/** Most bytes of the record of a seed, which has a few hundred. */
const MAX_RECORD_BYTES = 2 ** 20;

const recordFile = (sweep: SweepFolder, seed: number): string => join(sweep.path, "tasks", `seed-${seed}.json`);

function taskRecord(sweep: SweepFolder, seed: number): SeedRecord | undefined {
  const file = recordFile(sweep, seed);
  if (!existsSync(file)) return undefined;
  const unreadable = (cause: unknown): FileError =>
    new FileError(`Cannot read ${file}: ${reasonInWords(cause)}`, file, { cause });
  return parseWith(seedSchema, readJsonFile(file, { maxBytes: MAX_RECORD_BYTES, unreadable }), file);
}

async function writeTaskRecord(sweep: SweepFolder, record: SeedRecord): Promise<void> {
  const file = recordFile(sweep, record.seed);
  try {
    mkdirSync(join(sweep.path, "tasks"), { recursive: true });
  } catch (cause) {
    throw new FileError(`Cannot write ${file}: ${reasonInWords(cause)}`, file, { cause });
  }
  await writeFileAtomic(file, `${JSON.stringify(record)}\n`);
}
