/**
 * Damaged files: every reader gives a typed error that names the file, or exactly what is in it. A few seconds by default;
 * `npm run fuzz` goes on for as long as it is told.
 *
 * AIR_ONNX_FUZZ_RUNS is the number of inputs for each reader, AIR_ONNX_FUZZ_SEED the seed.
 */
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { mutationLists } from "./mutations.js";
import { openReaders, SOURCE, typedErrors } from "./readers.js";

const runs = Number(process.env.AIR_ONNX_FUZZ_RUNS ?? 1_000);
const seed = Number(process.env.AIR_ONNX_FUZZ_SEED ?? 19);
/** A message is for reading, not a copy of the file. */
const MAX_MESSAGE = 2_000;

const { readers, close } = await openReaders();
afterAll(close);

it.each(readers)("$name: sound files are read", async ({ corpus, read }) => {
  for (const file of corpus) await read(file, file);
});

it.each(readers)(
  "$name: damaged files are refused by name, or read as they are",
  async (reader) => {
    const { name, corpus, damages, read } = reader;
    const counts = { inputs: 0, refused: 0 };
    const slowest = { ms: 0, file: "" };
    const property = fc.asyncProperty(fc.nat(), fc.nat(), mutationLists, async (which, how, mutations) => {
      const sound = corpus[which % corpus.length]!;
      const file = await damages[how % damages.length]!(sound, mutations);
      counts.inputs++;
      const start = performance.now();
      try {
        await read(file, sound);
      } catch (cause) {
        if (!typedErrors.some((type) => cause instanceof type)) throw cause;
        const { message } = cause as Error;
        expect(message).toContain(SOURCE);
        expect(message.length).toBeLessThan(MAX_MESSAGE);
        counts.refused++;
      }
      const ms = performance.now() - start;
      if (ms > slowest.ms) Object.assign(slowest, { ms, file: file.toString("base64").slice(0, 200) });
    });
    await fc.assert(property, { numRuns: runs, seed });
    const peak = Math.round(process.resourceUsage().maxRSS / 1024);
    console.log(
      `${name}, seed ${seed}: ${counts.inputs} inputs, ${counts.refused} refused, ${counts.inputs - counts.refused} read; ` +
        `slowest ${slowest.ms.toFixed(1)} ms (${slowest.file}); peak of the process ${peak} MB`,
    );
    // Some files must be accepted and some refused: otherwise the damage tests nothing.
    expect(counts.refused).toBeGreaterThan(0);
    expect(counts.refused).toBeLessThan(counts.inputs);
  },
  24 * 60 * 60 * 1000,
);
