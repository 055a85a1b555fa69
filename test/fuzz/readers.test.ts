/**
 * Damaged files: every reader gives a typed error that names the file, or what is in it. A few hundred files for each reader;
 * `npm run fuzz` goes on for as long as it is told.
 */
import { afterAll, describe, expect, it } from "vitest";
import { keptFiles, readDrawn, readGuided, Tally } from "./campaign.js";
import { openReaders } from "./readers/index.js";

const FILES = 160;
const SEED = 19;

const { readers, close } = await openReaders();
afterAll(close);

describe.each(readers)("$name", (reader) => {
  const inputs = Math.max(8, Math.ceil(FILES / (reader.cost ?? 1)));

  it("reads sound files", async () => {
    for (const file of reader.corpus) await reader.read(file, file);
    expect(reader.corpus.length).toBeGreaterThan(0);
  });

  it("refuses the kept files by name, or reads them as they are", async () => {
    const tally = new Tally();
    for (const { file, sound } of keptFiles(reader)) await tally.read(reader, file, sound);
  });

  it("refuses damaged files by name, or reads them as they are", async () => {
    const { inputs: read, refused } = await readDrawn(reader, { inputs, seed: SEED });
    expect(read).toBe(inputs);
    // Otherwise the damage tests nothing.
    expect(refused).toBeGreaterThan(0);
  });

  it("does so with files that reach new code", async () => {
    const { inputs: read, refused } = await readGuided(reader, { inputs, seed: SEED });
    expect(read).toBeGreaterThanOrEqual(inputs);
    expect(refused).toBeGreaterThan(0);
  });
});
