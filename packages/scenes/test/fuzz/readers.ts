/**
 * The readers of files from outside, each with sound files to begin with, ways to damage them in depth, and what must hold for
 * every file that it accepts.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync, gzipSync, inflateSync } from "node:zlib";
import { expect } from "vitest";
import { DataError, FileError, SafetensorsError } from "../../src/errors.js";
import { crc32 } from "../../src/files/crc32.js";
import { parseIdx, unpackGzip } from "../../src/files/idx.js";
import { decodeNpy, encodeNpy } from "../../src/files/npy.js";
import { readNpz } from "../../src/files/npz.js";
import { decodePng } from "../../src/files/png.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/files/safetensors.js";
import { readSceneFile, writeSceneFile } from "../../src/files/scene-file.js";
import { zipChunks } from "../../src/files/zip.js";
import { emptyScenes, packScenes, type SceneSet, unpackScenes } from "../../src/scene-set.js";
import { chunk, encodeAnyPng, type PngKind, pngOf, referenceRaster, SIGNATURE, samplesOf } from "../files/png-bytes.js";
import { type Mutation, mutate } from "./mutations.js";

/** The errors that readers may throw for bad files. */
export const typedErrors = [FileError, DataError, SafetensorsError] as const;

export interface Reader {
  readonly name: string;
  /** Sound files. */
  readonly corpus: readonly Buffer[];
  /** Ways to damage a file: its bytes, or parts inside, whose checksums and lengths are then corrected. */
  readonly damages: readonly ((file: Buffer, mutations: readonly Mutation[]) => Buffer | Promise<Buffer>)[];
  /** Reads the file; throws a failed expectation if it accepts what it should not have. */
  read(file: Buffer, sound: Buffer): unknown;
}

/** The name of the file in all messages. */
export const SOURCE = "fuzzed.file";

const ramp = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 41) % 256);

const pngKinds: PngKind[] = [
  { width: 9, height: 6, depth: 8, colourType: 0 },
  { width: 9, height: 6, depth: 1, colourType: 0, interlaced: true },
  { width: 5, height: 5, depth: 16, colourType: 0, transparency: [7] },
  { width: 6, height: 5, depth: 8, colourType: 2, interlaced: true },
  { width: 7, height: 3, depth: 4, colourType: 3, palette: [...ramp(48)], transparency: [0, 128] },
  { width: 3, height: 9, depth: 8, colourType: 4 },
  { width: 4, height: 4, depth: 16, colourType: 6, interlaced: true },
];

const png: Reader = {
  name: "PNG",
  corpus: pngKinds.map((kind) => {
    const most = 2 ** kind.depth;
    const samples = Array.from(
      { length: kind.width * kind.height * samplesOf(kind.colourType) },
      (_, i) => (i * 7) % most,
    );
    return encodeAnyPng(kind, samples, (row) => row % 5);
  }),
  damages: [
    mutate,
    (file, mutations) => withRightChecksums(mutate(file, mutations)),
    (file, mutations) => withPixelData(file, (packed) => mutate(packed, mutations)),
    (file, mutations) => withPixelData(file, (packed) => deflateSync(mutate(inflateSync(packed), mutations))),
  ],
  read(file) {
    const raster = decodePng(file, SOURCE);
    expect(raster).toEqual(referenceRaster(file));
  },
};

/** The chunks of a file, up to its end or the first damaged one. */
function chunksOf(file: Buffer): { type: string; data: Buffer }[] {
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = SIGNATURE.length; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    chunks.push({ type: file.toString("latin1", at + 4, at + 8), data: file.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

function withRightChecksums(file: Buffer): Buffer {
  const right = Buffer.from(file);
  for (let at = SIGNATURE.length; at + 12 <= right.length; ) {
    const end = at + 12 + right.readUInt32BE(at);
    if (end <= right.length) right.writeUInt32BE(crc32(right.subarray(at + 4, end - 4)), end - 4);
    at = end;
  }
  return right;
}

function withPixelData(file: Buffer, change: (packed: Buffer) => Buffer): Buffer {
  const chunks = chunksOf(file).filter(({ type }) => type !== "IEND");
  return pngOf(...chunks.map(({ type, data }) => chunk(type, type === "IDAT" ? change(data) : data)));
}

const scenes: SceneSet = {
  ...emptyScenes(3, 4, 1, 2),
  images: ramp(48),
  counts: Uint8Array.of(0, 1, 2),
  boxes: Float32Array.from({ length: 24 }, (_, i) => i / 2),
};

const npyFiles = [
  encodeNpy([3, 4, 4], scenes.images),
  encodeNpy([3], BigInt64Array.of(0n, 1n, 2n)),
  encodeNpy([3, 2, 4], scenes.boxes),
  encodeNpy([2], Int32Array.of(-1, 7)),
].map((bytes) => Buffer.from(bytes));

const npy: Reader = {
  name: "NPY",
  corpus: npyFiles,
  damages: [mutate, (file, mutations) => Buffer.concat([mutate(file.subarray(0, 128), mutations), file.subarray(128)])],
  async read(file) {
    const { shape, data } = await decodeNpy({ size: file.length, chunks: [file] }, SOURCE);
    expect(data).toHaveLength(shape.reduce((product, size) => product * size, 1));
    const bytes = new Uint8Array(data.buffer);
    // 64-bit integers are converted to doubles in place, so they differ from the file's bytes.
    if (!/'<[iu]8'/.test(file.toString("latin1", 0, 128))) {
      expect(Buffer.from(bytes).equals(file.subarray(file.length - bytes.length))).toBe(true);
    }
  },
};

const [x, n_obj, boxes] = npyFiles as [Buffer, Buffer, Buffer, Buffer];
const npzParts = { "x.npy": x, "n_obj.npy": n_obj, "boxes.npy": boxes };

/** Readers of paths, with a folder for their files. */
function fileReaders(folder: string, sceneFile: Buffer, npzFile: Buffer): Reader[] {
  const path = join(folder, SOURCE);
  return [
    {
      name: "NPZ",
      corpus: [npzFile],
      damages: [
        mutate,
        async (_, mutations) => {
          const key = (["x.npy", "n_obj.npy", "boxes.npy"] as const)[mutations[0]![2] % 3]!;
          return Buffer.concat(await zipChunks({ ...npzParts, [key]: mutate(npzParts[key], mutations) }));
        },
      ],
      async read(file, sound) {
        writeFileSync(path, file);
        const { images, size, channels, imageSize, counts, boxes, maxObjects } = await readNpz(path);
        expect(images).toHaveLength(size * channels * imageSize * imageSize);
        expect(counts.length).toBeLessThanOrEqual(size);
        expect(counts.every((count) => count <= maxObjects)).toBe(true);
        expect(boxes).toHaveLength(counts.length * maxObjects * 4);
        // A file with the checksum of the sound file must have its images.
        if (file.includes(sound.subarray(14, 18))) {
          expect(Buffer.from(images).equals(Buffer.from(scenes.images))).toBe(true);
        }
      },
    },
    {
      name: "scene file",
      corpus: [sceneFile],
      damages: [mutate, mutateJson],
      async read(file) {
        writeFileSync(path, file);
        const read = await readSceneFile(path, { content: "fuzzed", version: 1 });
        expect(unpackScenes(read)).toEqual(scenes);
      },
    },
  ];
}

const idx: Reader = {
  name: "IDX",
  corpus: [
    Buffer.from([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]),
    Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, ...ramp(8)]),
  ].flatMap((bytes) => [bytes, gzipSync(bytes)]),
  damages: [mutate],
  async read(file) {
    const unpacked = await unpackGzip(file, SOURCE);
    const { shape, data } = parseIdx(unpacked, SOURCE);
    expect(data).toHaveLength(shape.reduce((product, size) => product * size, 1));
    expect(Buffer.compare(data, unpacked.subarray(4 + 4 * shape.length))).toBe(0);
  },
};

const safetensors: Reader = {
  name: "safetensors",
  corpus: [
    Buffer.from(
      encodeSafetensors(
        {
          a: { dtype: "F64", shape: [1, 2], data: Float64Array.of(1, 2) },
          b: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
        },
        { note: "text" },
      ),
    ),
  ],
  damages: [mutate, mutateJson],
  read(file) {
    const { tensors } = decodeSafetensors(file, SOURCE);
    let bytes = 0;
    for (const { shape, data } of Object.values(tensors)) {
      expect(data).toHaveLength(shape.reduce((product, size) => product * size, 1));
      bytes += data.byteLength;
    }
    expect(bytes).toBe(file.length - 8 - file.readUInt32LE(0));
  },
};

/** Damages the header of a safetensors file and corrects its length. */
function mutateJson(file: Buffer, mutations: readonly Mutation[]): Buffer {
  const end = 8 + file.readUInt32LE(0);
  const json = mutate(file.subarray(8, end), mutations);
  const length = Buffer.alloc(8);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, file.subarray(end)]);
}

/** All readers, and a function that deletes their files. */
export async function openReaders(): Promise<{ readers: Reader[]; close: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "air-fuzz-"));
  const path = join(folder, "scenes.safetensors");
  await writeSceneFile(path, packScenes(scenes), { content: "fuzzed", version: 1 });
  const sceneFile = readFileSync(path);
  const npzFile = Buffer.concat(await zipChunks(npzParts));
  return {
    readers: [png, npy, ...fileReaders(folder, sceneFile, npzFile), idx, safetensors],
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
