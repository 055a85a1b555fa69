/**
 * `metrics.jsonl`: what a training run reported, numbers and alerts, one JSON object a line, oldest first. Lines are only ever added, but for
 * two repairs that are made by replacing the file: what a kill left half-written, and what lies beyond the checkpoint
 * that a run goes on from.
 */
import { appendFileSync, closeSync, fsyncSync, openSync, statSync, truncateSync } from "node:fs";
import { dirname } from "node:path";
import { parseWith } from "@air-onnx/core";
import { FileError, readWholeFile, reasonInWords, syncFolder, writeFileAtomic } from "@air-onnx/scenes";
import { z } from "zod";
import type { OnNotice } from "./lock.js";

/** Most bytes of a log that is read, those of about a million reports. */
const MAX_BYTES = 2 ** 28;

/** Kinds of reports of numbers. */
export const kinds = ["train", "evaluation"] as const;
const recordSchema = z.object({ step: z.int().nonnegative(), kind: z.enum(kinds) }).catchall(z.number());

/** Kinds of alerts; see {@link AlertRecord}. */
export const alertKinds = ["one-count", "most-steps", "count-stuck", "overfitting", "windows-at-bound"] as const;
/** The schema of {@link AlertRecord}. */
export const alertSchema = z.strictObject({
  step: z.int().nonnegative(),
  kind: z.literal("alert"),
  alert: z.enum(alertKinds),
  message: z.string(),
});

/** Kind of a report: of training steps, or of an evaluation. */
export type MetricsKind = (typeof kinds)[number];

/** A report at one step: any finite numbers by name, beside `step` and `kind`. */
export interface MetricsRecord {
  /** Number of training steps done. */
  readonly step: number;
  /** Kind of the report. */
  readonly kind: MetricsKind;
  readonly [metric: string]: number | MetricsKind;
}

/** What goes wrong, as an alert says. */
export type AlertKind = (typeof alertKinds)[number];

/** An alert: what went wrong, as far as the evaluation at a step shows. */
export type AlertRecord = Readonly<z.output<typeof alertSchema>>;

/** A line of a log. */
export type LogEntry = MetricsRecord | AlertRecord;

/**
 * All reports of numbers of a log, oldest first; none if the file does not exist.
 *
 * @param onNotice is told if the last line is half-written, and is left out
 * @throws {FileError} naming the file and the line that is not a record.
 */
export async function readMetrics(path: string, onNotice: OnNotice): Promise<MetricsRecord[]> {
  return (await read(path, onNotice)).records.filter(isMetrics);
}

/**
 * All alerts of a log, oldest first; see {@link readMetrics}.
 *
 * @throws the errors of {@link readMetrics}
 */
export async function readAlerts(path: string, onNotice: OnNotice): Promise<AlertRecord[]> {
  return (await read(path, onNotice)).records.filter((entry) => !isMetrics(entry));
}

/** The log of a run, open for writing. */
export class MetricsLog {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Opens the log at `path`, which need not exist. A last line that is half-written is dropped, and `onNotice` is told.
   *
   * @throws {FileError} if a line before the last is not a record, or the file cannot be read or written.
   */
  static async open(path: string, onNotice: OnNotice): Promise<MetricsLog> {
    const { records, isIntact } = await read(path, onNotice);
    if (!isIntact) await rewrite(path, records);
    return new MetricsLog(path);
  }

  /**
   * Adds one line; it is the system's when this returns.
   *
   * @throws {ConfigError} naming a metric that is not a finite number.
   * @throws {FileError} if it cannot be written; the log is then as before.
   */
  append(record: LogEntry): void {
    if (isMetrics(record)) parseWith(recordSchema, record, `metrics of step ${record.step}`);
    let before: number | undefined;
    try {
      before = sizeOf(this.#path);
      appendFileSync(this.#path, `${JSON.stringify(record)}\n`);
    } catch (cause) {
      // A full disk can take a part of the line. If it does not let go of it either, opening the log drops it.
      if (before !== undefined) dropBeyond(this.#path, before);
      throw cannotWrite(this.#path, cause);
    }
  }

  /**
   * Puts all lines on the disk, so that they survive a power cut. A log without lines need not exist.
   *
   * @throws {FileError} if that cannot be
   */
  async sync(): Promise<void> {
    try {
      const file = openSync(this.#path, "r+");
      try {
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return;
      throw cannotWrite(this.#path, cause);
    }
    await syncFolder(dirname(this.#path));
  }

  /**
   * Drops every record of a later step: of work that is lost, and will be done again.
   *
   * @returns the reports of numbers that are kept
   */
  async truncateAfter(step: number): Promise<MetricsRecord[]> {
    const { records } = await read(this.#path, () => {});
    const kept = records.filter((record) => record.step <= step);
    if (kept.length < records.length) await rewrite(this.#path, kept);
    return kept.filter(isMetrics);
  }
}

/** How often a run reports; see `TrainConfig`. */
export interface ReportingSteps {
  /** Number of training steps of the run. */
  readonly steps: number;
  /** Most training steps between reports of training. */
  readonly stepsPerRun: number;
  /** Training steps between evaluations. */
  readonly evaluateEvery: number;
  /** Training steps between checkpoints. */
  readonly checkpointEvery: number;
}

/**
 * The step of the next report of training after `done` steps: the next multiple of `stepsPerRun`, or the next evaluation, checkpoint
 * or end of the run where that comes first. It depends on nothing but the step, so a resumed run reports at the same steps.
 */
export function nextReport(
  done: number,
  { steps, stepsPerRun, evaluateEvery, checkpointEvery }: ReportingSteps,
): number {
  const after = (every: number): number => (Math.floor(done / every) + 1) * every;
  return Math.min(steps, after(stepsPerRun), after(evaluateEvery), after(checkpointEvery));
}

/**
 * The reports that a log of a run up to `step` ought to have and has not, such as `training: steps 20 to 60`; none if it is whole.
 */
export function missingReports(records: readonly MetricsRecord[], step: number, reporting: ReportingSteps): string[] {
  const { steps, evaluateEvery } = reporting;
  const isDue: Record<MetricsKind, (at: number) => boolean> = {
    train: () => true,
    evaluation: (at) => at % evaluateEvery === 0 || at === steps,
  };
  return kinds.flatMap((kind) => {
    const there = new Set(records.filter((record) => record.kind === kind).map((record) => record.step));
    const due: number[] = [];
    for (let at = 0; at < step; ) {
      at = nextReport(at, reporting);
      if (at <= step && isDue[kind](at)) due.push(at);
    }
    return ranges(due, (at) => !there.has(at)).map(([first, last]) => {
      const where = first === last ? `step ${first}` : `steps ${first} to ${last}`;
      return `${kind === "train" ? "training" : kind}: ${where}`;
    });
  });
}

/** The first and last of each row of neighbours in `all` that `isMissing` is true of. */
function ranges(all: readonly number[], isMissing: (value: number) => boolean): [first: number, last: number][] {
  const found: [number, number][] = [];
  let isOpen = false;
  for (const value of all) {
    const missing = isMissing(value);
    if (missing && isOpen) found.at(-1)![1] = value;
    else if (missing) found.push([value, value]);
    isOpen = missing;
  }
  return found;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function dropBeyond(path: string, size: number): void {
  try {
    if (sizeOf(path) > size) truncateSync(path, size);
  } catch {
    // The failure that brought us here is the one to tell.
  }
}

function cannotWrite(path: string, cause: unknown): FileError {
  return new FileError(`Cannot write ${path}: ${reasonInWords(cause)}`, path, { cause });
}

async function rewrite(path: string, records: readonly LogEntry[]): Promise<void> {
  await writeFileAtomic(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
}

async function read(path: string, onNotice: OnNotice): Promise<{ records: LogEntry[]; isIntact: boolean }> {
  let text: string;
  try {
    text = (await readWholeFile(path, { maxBytes: MAX_BYTES })).toString("utf8");
  } catch (error) {
    const cause = error instanceof FileError ? error.cause : undefined;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return { records: [], isIntact: true };
    throw error;
  }
  const lines = text.split("\n");
  // Every line ends in a newline, so what follows the last one is nothing, or the start of a line.
  const rest = lines.pop()!;
  const records = lines.map((line, index) => parseLine(line, path, index + 1));
  if (rest === "") return { records, isIntact: true };
  onNotice(`Left out the half-written last line (line ${lines.length + 1}) of ${path}`);
  return { records, isIntact: false };
}

function isMetrics(entry: LogEntry): entry is MetricsRecord {
  return entry.kind !== "alert";
}

function parseLine(line: string, path: string, number: number): LogEntry {
  try {
    const entry: unknown = JSON.parse(line);
    const isAlert = typeof entry === "object" && entry !== null && "kind" in entry && entry.kind === "alert";
    if (isAlert) return parseWith(alertSchema, entry, "record");
    return parseWith(recordSchema, entry, "record") as MetricsRecord;
  } catch (cause) {
    throw new FileError(`${path}, line ${number}, is not a metrics record: ${reasonInWords(cause)}`, path, {
      kind: "content",
      cause,
    });
  }
}
