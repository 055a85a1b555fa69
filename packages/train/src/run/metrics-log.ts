/**
 * `metrics.jsonl`: what a training run reported, one JSON object a line, oldest first. Lines are only ever added, but for
 * two repairs that are made by replacing the file: what a kill left half-written, and what lies beyond the checkpoint
 * that a run goes on from.
 */
import { appendFileSync, statSync, truncateSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { parseWith } from "@air-onnx/core";
import { FileError, reasonInWords, writeFileAtomic } from "@air-onnx/scenes";
import { z } from "zod";
import type { OnNotice } from "./lock.js";

const kinds = ["train", "evaluation"] as const;
const recordSchema = z.object({ step: z.int().nonnegative(), kind: z.enum(kinds) }).catchall(z.number());

export type MetricsKind = (typeof kinds)[number];

/** A report at one step: any finite numbers by name, beside `step` and `kind`. */
export interface MetricsRecord {
  readonly step: number;
  readonly kind: MetricsKind;
  readonly [metric: string]: number | MetricsKind;
}

/**
 * All records of a log, oldest first; none if the file does not exist.
 *
 * @param onNotice is told if the last line is half-written, and is left out
 * @throws {FileError} naming the file and the line that is not a record.
 */
export async function readMetrics(path: string, onNotice: OnNotice): Promise<MetricsRecord[]> {
  return (await read(path, onNotice)).records;
}

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
  append(record: MetricsRecord): void {
    parseWith(recordSchema, record, `metrics of step ${record.step}`);
    const before = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    try {
      appendFileSync(this.#path, `${JSON.stringify(record)}\n`);
    } catch (cause) {
      // A full disk can take a part of the line.
      if ((statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0) > before) truncateSync(this.#path, before);
      throw new FileError(`Cannot write ${this.#path}: ${reasonInWords(cause)}`, this.#path, { cause });
    }
  }

  /** Drops every record of a later step: of work that is lost, and will be done again. */
  async truncateAfter(step: number): Promise<void> {
    const { records } = await read(this.#path, () => {});
    const kept = records.filter((record) => record.step <= step);
    if (kept.length < records.length) await rewrite(this.#path, kept);
  }
}

async function rewrite(path: string, records: readonly MetricsRecord[]): Promise<void> {
  await writeFileAtomic(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
}

async function read(path: string, onNotice: OnNotice): Promise<{ records: MetricsRecord[]; isIntact: boolean }> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return { records: [], isIntact: true };
    throw new FileError(`Cannot read ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
  const lines = text.split("\n");
  // Every line ends in a newline, so what follows the last one is nothing, or the start of a line.
  const rest = lines.pop()!;
  const records = lines.map((line, index) => parseLine(line, path, index + 1));
  if (rest === "") return { records, isIntact: true };
  onNotice(`Left out the half-written last line (line ${lines.length + 1}) of ${path}`);
  return { records, isIntact: false };
}

function parseLine(line: string, path: string, number: number): MetricsRecord {
  try {
    return parseWith(recordSchema, JSON.parse(line), "record") as MetricsRecord;
  } catch (cause) {
    throw new FileError(`${path}, line ${number}, is not a metrics record: ${reasonInWords(cause)}`, path, {
      kind: "content",
      cause,
    });
  }
}
