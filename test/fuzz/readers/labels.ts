/** The readers of counts: `counts.csv`, and what NumPy pickles. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataError, FileError } from "../../../packages/scenes/src/errors.js";
import { readCounts } from "../../../packages/scenes/src/files/counts-file.js";
import { encodeNpy } from "../../../packages/scenes/src/files/npy.js";
import { readNpz } from "../../../packages/scenes/src/files/npz.js";
import { zipChunks } from "../../../packages/scenes/src/files/zip.js";
import { pickled } from "../../../packages/scenes/test/files/pickled.js";
import { mutate } from "../mutations.js";
import { type Reader, SOURCE } from "../reader.js";

const NAMES = ["0001.png", "0002.png", "sub/Ä.png", "x.tif"];
const csvFiles = [
  "file,count\n0001.png,2\n0002.png,0\n",
  "0001.png;1\r\n0002.png;3\r\n",
  '"","file","n"\n"1","0001.png",NA\n"2","sub/Ä.png",2\n',
  "\ufeffname\tcount\n0002.png\t4\nx.tif\t\n",
].map((text) => Buffer.from(text));
csvFiles.push(Buffer.from("\ufefffile,count\n0001.png,2\n", "utf16le"));

const images = encodeNpy([2, 2, 2], Uint8Array.from([0, 9, 255, 0, 7, 0, 0, 0]));

/** What NumPy pickles of counts; the others are refused. */
const { otherKey: _, call: __, ...withCounts } = pickled;

export function labelReaders(folder: string): Reader[] {
  const path = join(folder, SOURCE);
  return [
    {
      name: "counts.csv",
      corpus: csvFiles,
      damages: [mutate],
      typedErrors: [FileError, DataError],
      named: SOURCE,
      async read(file) {
        writeFileSync(path, file);
        const counts = await readCounts(path, NAMES, () => {});
        for (const [name, count] of counts) {
          assert.ok(NAMES.includes(name));
          assert.ok(Number.isInteger(count) && count >= 0 && count <= 255);
        }
      },
    },
    {
      name: "pickled counts",
      corpus: Object.values(withCounts).map((text) => Buffer.from(text, "base64")),
      // The header of NPY is fuzzed elsewhere.
      damages: [(file, mutations) => Buffer.concat([file.subarray(0, 128), mutate(file.subarray(128), mutations)])],
      typedErrors: [DataError],
      named: SOURCE,
      cost: 2,
      async read(file) {
        writeFileSync(path, Buffer.concat(await zipChunks({ "x.npy": images, "n_obj.npy": file })));
        const { counts } = await readNpz(path);
        assert.ok(counts.length <= 2);
      },
    },
  ];
}
