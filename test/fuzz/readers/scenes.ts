/** The readers of data sets and of single PNG files. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, gzipSync, inflateSync } from "node:zlib";
import { DataError, FileError, SafetensorsError } from "../../../packages/scenes/src/errors.js";
import { crc32 } from "../../../packages/scenes/src/files/crc32.js";
import { parseIdx, unpackGzip } from "../../../packages/scenes/src/files/idx.js";
import { decodeNpy, encodeNpy } from "../../../packages/scenes/src/files/npy.js";
import { readNpz } from "../../../packages/scenes/src/files/npz.js";
import { decodePng } from "../../../packages/scenes/src/files/png.js";
import { decodeSafetensors, encodeSafetensors } from "../../../packages/scenes/src/files/safetensors.js";
import { readSceneFile, writeSceneFile } from "../../../packages/scenes/src/files/scene-file.js";
import { zipChunks } from "../../../packages/scenes/src/files/zip.js";
import { emptyScenes, packScenes, type SceneSet, unpackScenes } from "../../../packages/scenes/src/scene-set.js";
import {
  chunk,
  encodeAnyPng,
  type PngKind,
  pngOf,
  referenceRaster,
  SIGNATURE,
  samplesOf,
} from "../../../packages/scenes/test/files/png-bytes.js";
import { type Mutation, mutate } from "../mutations.js";
import { type Reader, SOURCE } from "../reader.js";

const typedErrors = [FileError, DataError, SafetensorsError];
const common = { typedErrors, named: SOURCE };

const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
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
  ...common,
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
    assert.deepEqual(raster, referenceRaster(file));
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
  ...common,
  name: "NPY",
  corpus: npyFiles,
  damages: [mutate, (file, mutations) => Buffer.concat([mutate(file.subarray(0, 128), mutations), file.subarray(128)])],
  async read(file) {
    const { shape, data } = await decodeNpy({ size: file.length, chunks: [file] }, SOURCE);
    assert.equal(data.length, elementsOf(shape));
    const bytes = new Uint8Array(data.buffer);
    // The numbers of these types are those of the file, byte by byte; others are converted.
    if (/'(\|u1|<i4|<f4)', 'fortran_order': False/.test(file.toString("latin1", 0, 128))) {
      assert.ok(Buffer.from(bytes).equals(file.subarray(file.length - bytes.length)));
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
      ...common,
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
        assert.equal(images.length, size * channels * imageSize * imageSize);
        assert.ok(counts.length <= size);
        assert.ok(counts.every((count) => count <= maxObjects));
        assert.equal(boxes.length, counts.length * maxObjects * 4);
        // A file with the checksum of the sound file must have its images.
        if (file.includes(sound.subarray(14, 18))) {
          assert.deepEqual(Buffer.from(images), Buffer.from(scenes.images));
        }
      },
    },
    {
      ...common,
      name: "scene file",
      corpus: [sceneFile],
      damages: [mutate, mutateJson],
      async read(file) {
        writeFileSync(path, file);
        const read = await readSceneFile(path, { content: "fuzzed", version: 1 });
        assert.deepEqual(unpackScenes(read), scenes);
      },
    },
  ];
}

const idx: Reader = {
  ...common,
  name: "IDX",
  corpus: [
    Buffer.from([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]),
    Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, ...ramp(8)]),
  ].flatMap((bytes) => [bytes, gzipSync(bytes)]),
  damages: [mutate],
  async read(file) {
    const unpacked = await unpackGzip(file, SOURCE);
    const { shape, data } = parseIdx(unpacked, SOURCE);
    assert.equal(data.length, elementsOf(shape));
    assert.equal(Buffer.compare(data, unpacked.subarray(4 + 4 * shape.length)), 0);
  },
};

const safetensors: Reader = {
  ...common,
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
      assert.equal(data.length, elementsOf(shape));
      bytes += data.byteLength;
    }
    assert.equal(bytes, file.length - 8 - file.readUInt32LE(0));
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

/** The readers; they may write into `folder`. */
export async function sceneReaders(folder: string): Promise<Reader[]> {
  const path = join(folder, "scenes.safetensors");
  await writeSceneFile(path, packScenes(scenes), { content: "fuzzed", version: 1 });
  const npzFile = Buffer.concat(await zipChunks(npzParts));
  return [png, npy, ...fileReaders(folder, readFileSync(path), npzFile), idx, safetensors];
}
