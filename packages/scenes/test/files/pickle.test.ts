/** Pickled objects that are made to take time or memory: each is refused at once. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DataError } from "../../src/errors.js";
import { encodeNpy } from "../../src/files/npy.js";
import { readNpz } from "../../src/files/npz.js";
import { unpickle } from "../../src/files/pickle.js";
import { zipChunks } from "../../src/files/zip.js";
import { pickled } from "./pickled.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-pickle-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Opcodes, letter by letter, and texts in brackets. */
function program(...parts: readonly (string | readonly [text: string])[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return Buffer.from(part, "latin1");
      const length = Buffer.alloc(4);
      length.writeUInt32LE(part[0].length);
      return Buffer.concat([Buffer.from("X"), length, Buffer.from(part[0], "latin1")]);
    }),
  );
}

const read = (bytes: Buffer): unknown =>
  unpickle(bytes, (reason) => {
    throw new DataError(reason);
  });

/** Reads `bytes` as the counts of two images. */
async function readCounts(bytes: Buffer): Promise<unknown> {
  const path = join(folder, "set.npz");
  const header = Buffer.from(pickled.dictionary, "base64").subarray(0, 128);
  const images = encodeNpy([2, 2, 2], Uint8Array.from([0, 9, 255, 0, 7, 0, 0, 0]));
  await writeFile(
    path,
    Buffer.concat(await zipChunks({ "x.npy": images, "n_obj.npy": Buffer.concat([header, bytes]) })),
  );
  return readNpz(path);
}

it("refuses a text that is made an array again and again", () => {
  const encode = "c_codecs\nencode\n\x94";
  const again = "h\x00h\x01\x85R";
  const once = program("\x80\x04", encode, ["a".repeat(60_000)], "\x94", again, ".");
  expect(read(once)).toHaveLength(60_000);
  const often = program("\x80\x04", encode, ["a".repeat(60_000)], "\x94", ...Array(100).fill(again), ".");
  expect(() => read(often)).toThrow(/have far more in arrays than the file has/);
});

it("refuses names and types that are no names", () => {
  expect(() => read(program("\x80\x04", "]]", "\x93."))).toThrow(/are damaged/);
  // Each list holds the one before twice, so that the text of the last one would have 2^60 parts.
  const doubled = Array.from({ length: 60 }, (_, i) => `]\x94h${String.fromCharCode(i)}ah${String.fromCharCode(i)}a`);
  expect(() => read(program("\x80\x04", "]\x94", ...doubled, "]", "\x93."))).toThrow(/are damaged/);
  expect(() => read(program("cnumpy\ndtype\n", [`${"1".repeat(10_000)}x`], "\x85R."))).toThrow(/are damaged/);
});

it("refuses a dictionary that is its own entry, and names none of its keys that are lists without end", async () => {
  await expect(readCounts(program("\x80\x04", "}\x94", ["n_obj"], "h\x00s."))).rejects.toThrow(
    /dictionaries within dictionaries without end/,
  );
  const deep = program("\x80\x04", "}", "]".repeat(30_000), "a".repeat(29_999), "K\x01s.");
  await expect(readCounts(deep)).rejects.toThrow(/its entries are no names/);
});
