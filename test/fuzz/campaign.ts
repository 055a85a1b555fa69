/**
 * Has readers read damaged files. Half of the files are drawn by fast-check, which shrinks one that fails. The other half is guided
 * by coverage: a file that made code run which no file before it did is damaged further.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turnOfTheEventLoop } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { RandomStream } from "@air-onnx/core";
import fc from "fast-check";
import { Coverage } from "./coverage.js";
import { type Mutation, mutate, mutationLists } from "./mutations.js";
import type { Reader } from "./reader.js";

/** A message is for reading, not a copy of the file. */
const MAX_MESSAGE = 2_000;
/** Files between two looks at the coverage, which take as long as some tens of files. */
const BATCH = 64;
/**
 * Files between two turns of the event loop. Without one Node.js frees no zlib stream that failed, and no program is without one for
 * long.
 */
const TURN = 256;
/** Largest file that is damaged further. */
const MAX_BYTES = 2 ** 16;

export interface Campaign {
  /** Number of files. */
  readonly inputs: number;
  readonly seed: number;
}

interface FileOfSound {
  readonly file: Buffer;
  /** The sound file that it was made of. */
  readonly sound: Buffer;
}

/** What became of the files of a reader. */
export class Tally {
  inputs = 0;
  refused = 0;
  /** Longest time for one file, ms, and the beginning of that file, base64. */
  slowest = { ms: 0, file: "" };

  /**
   * Has a file read.
   *
   * @throws {Error} that names the file, if the reader fails with another error than its typed ones or accepts what it should not
   */
  async read(reader: Reader, file: Buffer, sound: Buffer): Promise<void> {
    this.inputs++;
    if (this.inputs % TURN === 0) await turnOfTheEventLoop();
    const start = performance.now();
    try {
      await reader.read(file, sound);
    } catch (cause) {
      try {
        if (!reader.typedErrors.some((type) => cause instanceof type)) throw cause;
        const { message } = cause as Error;
        assert.ok(message.includes(reader.named), `the error does not name the file: ${message.slice(0, 200)}`);
        assert.ok(message.length < MAX_MESSAGE, `the error has ${message.length} characters`);
      } catch (failure) {
        const base64 = file.toString("base64");
        throw new Error(`${reader.name} fails with this file (base64): ${base64}\n${String(failure)}`, {
          cause: failure,
        });
      }
      this.refused++;
    }
    const ms = performance.now() - start;
    if (ms > this.slowest.ms) this.slowest = { ms, file: file.toString("base64").slice(0, 200) };
  }
}

/** Reads files that fast-check draws. */
export async function readDrawn(reader: Reader, { inputs, seed }: Campaign): Promise<Tally> {
  const { corpus, damages } = reader;
  const tally = new Tally();
  const property = fc.asyncProperty(fc.nat(), fc.nat(), mutationLists, async (which, how, mutations) => {
    const sound = corpus[which % corpus.length]!;
    await tally.read(reader, await damages[how % damages.length]!(sound, mutations), sound);
  });
  await fc.assert(property, { numRuns: inputs, seed });
  return tally;
}

/**
 * Reads files as coverage guides.
 *
 * @param keep called with each file that reached new code
 */
export async function readGuided(
  reader: Reader,
  { inputs, seed }: Campaign,
  keep: (file: Buffer) => void = () => {},
): Promise<Tally> {
  const coverage = new Coverage();
  try {
    return await guided(reader, { inputs, seed }, coverage, keep);
  } finally {
    coverage.close();
  }
}

async function guided(
  reader: Reader,
  { inputs, seed }: Campaign,
  coverage: Coverage,
  keep: (file: Buffer) => void,
): Promise<Tally> {
  const tally = new Tally();
  const random = new RandomStream(seed);
  const known = [...soundFiles(reader), ...keptFiles(reader)];
  for (const { file, sound } of known) await tally.read(reader, file, sound);
  coverage.newBlocks();
  for (let left = inputs; left > 0; left -= BATCH) {
    const batch: FileOfSound[] = [];
    for (let i = 0; i < Math.min(BATCH, left); i++) {
      const { file, sound } = known[random.integer(known.length)]!;
      const damaged = { file: await damage(reader, file, random), sound };
      batch.push(damaged);
      await tally.read(reader, damaged.file, sound);
    }
    const blocks = coverage.newBlocks();
    for (const each of blocks.size > 0 ? batch : []) {
      coverage.newBlocks();
      await tally.read(reader, each.file, each.sound);
      if (!coverage.takeFrom(blocks) || each.file.length > MAX_BYTES) continue;
      known.push(each);
      keep(each.file);
    }
  }
  return tally;
}

async function damage({ damages }: Reader, file: Buffer, random: RandomStream): Promise<Buffer> {
  const number = (): number => random.integer(2 ** 20);
  const mutations = Array.from({ length: 1 + random.integer(4) }, (): Mutation => [number(), number(), number()]);
  try {
    return await damages[random.integer(damages.length)]!(file, mutations);
  } catch {
    // Not every way of damaging can take apart a file that is damaged already.
    return mutate(file, mutations);
  }
}

const soundFiles = ({ corpus }: Reader): FileOfSound[] => corpus.map((file) => ({ file, sound: file }));

const corpusFolder = (parent: string, { name }: Reader): string => join(parent, name.replaceAll(/[^\w.]+/g, "-"));

/** The files of `corpus/`: those that once failed, or reached code that others do not. */
export function keptFiles(reader: Reader): FileOfSound[] {
  const folder = corpusFolder(fileURLToPath(new URL("corpus", import.meta.url)), reader);
  if (!existsSync(folder)) return [];
  const [sound] = reader.corpus;
  return readdirSync(folder).map((name) => ({ file: readFileSync(join(folder, name)), sound: sound! }));
}

/** Writes a file into the folder of its reader within `parent`. */
export function keepIn(parent: string, reader: Reader, file: Buffer): void {
  const folder = corpusFolder(parent, reader);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, createHash("sha256").update(file).digest("hex").slice(0, 16)), file);
}
