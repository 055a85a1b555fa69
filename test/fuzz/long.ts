/**
 * One reader for a long time; run by run.mjs. Ends with one line of JSON.
 *
 * Arguments: inputs, seed, name of the reader; or nothing, which writes the names of the readers.
 */
import { keepIn, readDrawn, readGuided, type Tally } from "./campaign.js";
import { openReaders } from "./readers/index.js";

const [inputs, seed, name] = process.argv.slice(2);
const { readers, close } = await openReaders();
try {
  const reader = readers.find((each) => each.name === name);
  if (!reader) console.log(JSON.stringify(readers.map((each) => each.name)));
  else {
    const keep = process.env.AIR_ONNX_FUZZ_KEEP;
    let found = 0;
    const half = { inputs: Math.ceil(Number(inputs) / 2), seed: Number(seed) };
    const drawn = await readDrawn(reader, half);
    const guided = await readGuided(reader, half, (file) => {
      found++;
      if (keep !== undefined) keepIn(keep, reader, file);
    });
    const sum = (of: (tally: Tally) => number): number => of(drawn) + of(guided);
    const slowest = drawn.slowest.ms > guided.slowest.ms ? drawn.slowest : guided.slowest;
    console.log(
      JSON.stringify({
        reader: name,
        inputs: sum((tally) => tally.inputs),
        refused: sum((tally) => tally.refused),
        newCode: found,
        slowestMs: Math.round(10 * slowest.ms) / 10,
        slowest: slowest.file,
        peakMB: Math.round(process.resourceUsage().maxRSS / 1024),
      }),
    );
  }
} finally {
  close();
}
