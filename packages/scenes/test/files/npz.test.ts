import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataError } from "../../src/errors.js";
import { encodeNpy } from "../../src/files/npy.js";
import { readNpz, writeNpz } from "../../src/files/npz.js";
import { readInParts } from "../../src/files/read-file.js";
import { ZipArchive, zipChunks } from "../../src/files/zip.js";
import { emptyScenes } from "../../src/scene-set.js";
import { pickled } from "./pickled.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-npz-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Written by NumPy 2.4.6, with `x = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 14`. */
const byNumpy = {
  /** np.savez_compressed(file, x=x, n_obj=np.array([1, 2])) */
  bytes:
    "UEsDBC0AAAAIAAAAIQCDm2Ie//////////8FABQAeC5ucHkBABAAkgAAAAAAAABbAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF5Taqiuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CsZApKmjUKtAHuBi4JPRsnALSSqo65m1YtuRSw/eAQBQSwMELQAAAAgAAAAhAAz8HOn//////////wkAFABuX29iai5ucHkBABAAkAAAAAAAAABKAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TaaGuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6mjoKtQoUAC5GBghggtIAUEsBAi0DLQAAAAgAAAAhAIObYh5bAAAAkgAAAAUAAAAAAAAAAAAAAIABAAAAAHgubnB5UEsBAi0DLQAAAAgAAAAhAAz8HOlKAAAAkAAAAAkAAAAAAAAAAAAAAIABkgAAAG5fb2JqLm5weVBLBQYAAAAAAgACAGoAAAAXAQAAAAA=",
  /** np.savez(file, x=x.astype("f4") / 255) */
  floats:
    "UEsDBC0AAAAAAAAAIQAeYqVM//////////8FABQAeC5ucHkBABAAyAAAAAAAAADIAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgyLCAzLCAzKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAOHgYD3h4OA9qagoPuHgYD6NjIw+qaioPsXExD7h4OA+/fz8Po2MDD+bmho/qagoP7e2Nj/FxEQ/09JSP+HgYD/v7m4/UEsBAi0DLQAAAAAAAAAhAB5ipUzIAAAAyAAAAAUAAAAAAAAAAAAAAIABAAAAAHgubnB5UEsFBgAAAAABAAEAMwAAAP8AAAAAAA==",
  /** np.savez_compressed(file, x=x, n_obj=np.array([1, None], dtype=object)) */
  objects:
    "UEsDBC0AAAAIAAAAIQCDm2Ie//////////8FABQAeC5ucHkBABAAkgAAAAAAAABbAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF5Taqiuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CsZApKmjUKtAHuBi4JPRsnALSSqo65m1YtuRSw/eAQBQSwMELQAAAAgAAAAhAPICorj//////////wkAFABuX29iai5ucHkBABAAGAEAAAAAAADEAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF7jr66joJ6WX1RSlJgXn1+UkgoSdkvMKU4FihdnJBakAvkaRjqaOgq1CpQArgaWqb0MENAjlleaW1CpF5+cX5Sql1uaU5KZWFSUWDmlhye+KDU5P6+4pKg0uWTK5Ck9rGCVU3rY81IgSiZP8WZoneLMmDSlfUrQFA1vRm+m1ikZzD2sKSWVBakgLUz+FlM6OyCyzD2MNVP8/Py8/gMBmPC2L5mS1BkL0umXCmTqAQBQSwECLQMtAAAACAAAACEAg5tiHlsAAACSAAAABQAAAAAAAAAAAAAAgAEAAAAAeC5ucHlQSwECLQMtAAAACAAAACEA8gKiuMQAAAAYAQAACQAAAAAAAAAAAAAAgAGSAAAAbl9vYmoubnB5UEsFBgAAAAACAAIAagAAAJEBAAAAAA==",
} as const;
const ramp = Uint8Array.from({ length: 18 }, (_, i) => 14 * i);

async function file(content: string | Uint8Array | readonly Uint8Array[]): Promise<string> {
  const path = join(folder, "images.npz");
  const bytes = typeof content === "string" ? Buffer.from(content, "base64") : content;
  await writeFile(path, bytes instanceof Uint8Array ? bytes : Buffer.concat(bytes));
  return path;
}

/** An NPZ file of arrays given by dtype, shape and raw bytes. */
async function arrays(
  given: Record<string, readonly [descr: string, shape: readonly number[], data: ArrayBufferView]>,
): Promise<string> {
  const entries = Object.entries(given).map(([key, [descr, shape, data]]) => [`${key}.npy`, npy(descr, shape, data)]);
  return file(await zipChunks(Object.fromEntries(entries)));
}

function npy(descr: string, shape: readonly number[], data: ArrayBufferView, { order = "False", version = 1 } = {}) {
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }\n`;
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length[0] = header.length;
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from("NUMPY"),
    Buffer.from([version, 0]),
    length,
    Buffer.from(header),
    raw,
  ]);
}

describe("a file that NumPy wrote", () => {
  it("gives its images and counts", async () => {
    const scenes = await readNpz(await file(byNumpy.bytes));
    expect(scenes).toMatchObject({ size: 2, imageSize: 3, channels: 1, maxObjects: 2 });
    expect(scenes.images).toEqual(ramp);
    expect([...scenes.counts]).toEqual([1, 2]);
    expect(scenes.boxes.every(Number.isNaN)).toBe(true);
  });

  it("gives unlabelled images if it has no counts, also from floats in 0..1", async () => {
    const scenes = await readNpz(await file(byNumpy.floats));
    expect(scenes).toMatchObject({ size: 2, imageSize: 3, channels: 1, images: ramp, counts: new Uint8Array(0) });
  });

  it("may have None for a count that is not known", async () => {
    const scenes = await readNpz(await file(byNumpy.objects));
    expect(scenes).toMatchObject({ size: 2, counts: Uint8Array.of(1), images: ramp });
  });
});

describe("writeNpz", () => {
  it.each([1, 3])("writes what readNpz reads, boxes too, with %d channel(s)", async (channels) => {
    const scenes = emptyScenes(3, 4, channels, 2);
    scenes.images.forEach((_, i) => {
      scenes.images[i] = (i * 7) % 256;
    });
    scenes.counts.set([0, 1, 2]);
    scenes.boxes.set([0, 1, 2, 3.5], 8);
    const path = join(folder, "out.npz");
    await writeNpz(path, scenes);
    expect(await readNpz(path)).toEqual(scenes);
  });

  it("writes which counts are not known", async () => {
    const scenes = emptyScenes(3, 2, 1, 2, 1);
    scenes.counts.set([2]);
    scenes.images.set([5], 8);
    const path = join(folder, "out.npz");
    await writeNpz(path, scenes);
    expect(await readNpz(path)).toEqual(scenes);
  });

  it("writes the same bytes for the same scenes", async () => {
    const [one, other] = [join(folder, "a.npz"), join(folder, "b.npz")];
    await writeNpz(one, emptyScenes(3, 4, 1, 2));
    await writeNpz(other, emptyScenes(3, 4, 1, 2));
    expect(await readFile(one)).toEqual(await readFile(other));
  });
});

describe("the images", () => {
  const rgb = Uint8Array.from({ length: 2 * 3 * 4 }, (_, i) => 10 * i);
  const channelsLast = Uint8Array.from({ length: 24 }, (_, i) => {
    const [image, pixel, channel] = [Math.floor(i / 12), Math.floor((i % 12) / 3), i % 3];
    return rgb[image * 12 + channel * 4 + pixel]!;
  });

  it.each<[string, readonly number[], Uint8Array]>([
    ["first", [2, 3, 2, 2], rgb],
    ["last", [2, 2, 2, 3], channelsLast],
  ])("may have their channels %s", async (_, shape, data) => {
    const scenes = await readNpz(await arrays({ x: ["|u1", shape, data] }));
    expect(scenes).toMatchObject({ size: 2, imageSize: 2, channels: 3, images: rgb });
  });

  it.each<[string, ArrayBufferView, number[]]>([
    ["|b1", Uint8Array.of(0, 1, 1, 0), [0, 255, 255, 0]],
    ["|u1", Uint8Array.of(0, 1, 1, 0), [0, 255, 255, 0]],
    ["<i4", Int32Array.of(0, 2, 128, 255), [0, 2, 128, 255]],
    ["<i8", BigInt64Array.of(0n, 2n, 128n, 255n), [0, 2, 128, 255]],
    ["<u2", Uint16Array.of(0, 2, 128, 255), [0, 2, 128, 255]],
    ["<f8", Float64Array.of(0, 0.5, 1, 0.25), [0, 128, 255, 64]],
    ["<f4", Float32Array.of(0, 1.5, 100, 255), [0, 2, 100, 255]],
  ])("may be of dtype %s, in 0..1 or 0..255 by their largest value", async (descr, data, expected) => {
    const { images } = await readNpz(await arrays({ x: [descr, [1, 2, 2], data] }));
    expect([...images]).toEqual(expected);
  });

  it.each<[string, string, readonly number[], ArrayBufferView, RegExp]>([
    ["are not square", "|u1", [1, 2, 3], new Uint8Array(6), /array x has shape \(1, 2, 3\), expected square images as/],
    ["have two channels", "|u1", [1, 2, 3, 3], new Uint8Array(18), /1 or 3 channels/],
    ["are none", "|u1", [0, 3, 3], new Uint8Array(0), /has shape \(0, 3, 3\)/],
    ["are not numbers", "<f4", [1, 1, 1], Float32Array.of(Number.NaN), /has the value NaN: intensities are finite/],
    ["are complex", "<c8", [1, 1, 1], new Uint8Array(8), /of dtype <c8, not one of .*: convert it with astype/],
    [
      "are Python objects",
      "|O",
      [1, 1, 1],
      new Uint8Array(8),
      /array x cannot be read: its elements are Python objects/,
    ],
    ["are too few", "|u1", [2, 3, 3], new Uint8Array(17), /needs 18 bytes, 17 are there: it is damaged or truncated/],
    ["have too many dimensions", "|u1", new Array(65).fill(1), new Uint8Array(1), /its shape is damaged: \(1, 1/],
    ["have a size beyond all", "|u1", [0, 1e20, 1e20], new Uint8Array(0), /its shape is damaged: \(0, 1000000/],
    ["are huge integers", "<i8", [1, 1, 1], BigInt64Array.of(2n ** 60n), /1152921504606846976, which is too large/],
  ])("that %s are refused", async (_, descr, shape, data, message) => {
    await expect(readNpz(await arrays({ x: [descr, shape, data] }))).rejects.toThrow(message);
  });

  it.each<[string, ArrayBufferView]>([
    [">u2", Uint8Array.of(0, 0, 0, 2, 0, 128, 0, 255)],
    [">i4", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 128, 0, 0, 0, 255)],
    ["<f2", Uint16Array.of(0, 0x4000, 0x5800, 0x5bf8)],
    [">f2", Uint8Array.of(0, 0, 0x40, 0, 0x58, 0, 0x5b, 0xf8)],
  ])("may be of dtype %s", async (descr, data) => {
    const { images } = await readNpz(await arrays({ x: [descr, [1, 2, 2], data] }));
    expect([...images]).toEqual([0, 2, 128, 255]);
  });

  it("may be half-precision numbers of any size", async () => {
    // 2⁻²⁴ (the least), 2⁻¹⁴, 0.5, 1 and, in all but the last place, 1.
    const halves = Uint16Array.of(0x0001, 0x0400, 0x3800, 0x3c00, 0x3bff, 0, 0, 0, 0);
    const { images } = await readNpz(await arrays({ x: ["<f2", [1, 3, 3], halves] }));
    expect([...images]).toEqual([0, 0, 128, 255, 255, 0, 0, 0, 0]);
    const infinite = arrays({ x: ["<f2", [1, 1, 1], Uint16Array.of(0x7c00)] });
    await expect(readNpz(await infinite)).rejects.toThrow("has the value Infinity");
  });

  it.each<[readonly number[]]>([[[2, 3, 2, 2]], [[2, 2, 2, 3]], [[6, 2, 2]]])(
    "may be in Fortran order, of shape %j",
    async (shape) => {
      const columns = new Uint8Array(24);
      const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));
      for (let i = 0; i < 24; i++) {
        let [rest, at] = [i, 0];
        for (let axis = shape.length - 1; axis >= 0; axis--) {
          at += (rest % shape[axis]!) * strides[axis]!;
          rest = Math.floor(rest / shape[axis]!);
        }
        columns[at] = 10 * i;
      }
      const rows = await readNpz(
        await arrays({ x: ["|u1", shape, Uint8Array.from({ length: 24 }, (_, i) => 10 * i)] }),
      );
      const x = npy("|u1", shape, columns, { order: "True" });
      expect(await readNpz(await file(await zipChunks({ "x.npy": x })))).toEqual(rows);
    },
  );

  it("may have another name, or be the only array", async () => {
    const [one, two] = [Uint8Array.of(1, 2), Uint8Array.of(3, 4)];
    const path = await arrays({ x_train: ["|u1", [2, 1, 1], one], y_train: ["|u1", [2, 1], two] });
    const keys = { imagesKey: "x_train", countsKey: "y_train" };
    expect(await readNpz(path, keys)).toMatchObject({ images: one, counts: two });
    await expect(readNpz(path)).rejects.toMatchObject({
      message: `${path} has no array x (the images); it has x_train (2, 1, 1), y_train (2, 1). imagesKey names it`,
      kind: "missing",
      key: "imagesKey",
    });
    await expect(readNpz(path, { ...keys, countsKey: "n" })).rejects.toThrow("has no array n (the counts); it has");
    const lines: string[] = [];
    const onNotice = (line: string) => void lines.push(line);
    const only = await arrays({ arr_0: ["|u1", [2, 1, 1], two] });
    expect(await readNpz(only, { onNotice })).toMatchObject({ images: two });
    expect(lines).toEqual([`${only}: the array arr_0 has the images, as there is no other`]);
  });

  it("are read alone if another array might have the counts, which is said", async () => {
    const lines: string[] = [];
    const path = await arrays({ x: ["|u1", [1, 1, 1], Uint8Array.of(9)], y: ["|u1", [1], Uint8Array.of(1)] });
    const { counts } = await readNpz(path, { onNotice: (line) => void lines.push(line) });
    expect(counts).toHaveLength(0);
    expect(lines).toEqual([`${path}: the array y is not read: countsKey names the array of counts, if there is one`]);
  });

  it.each([2, 3])("may stand in an NPY file of version %d", async (version) => {
    const x = npy("|u1", [1, 2, 2], Uint8Array.of(1, 2, 3, 4), { version });
    const { images } = await readNpz(await file(await zipChunks({ "x.npy": x })));
    expect([...images]).toEqual([1, 2, 3, 4]);
  });

  it("are reported missing with the names of the arrays that the file has", async () => {
    const path = await arrays({ images: ["|u1", [1], new Uint8Array(1)], y: ["|u1", [1], new Uint8Array(1)] });
    await expect(readNpz(path)).rejects.toThrow(
      "has no array x (the images); it has images (1), y (1). imagesKey names",
    );
  });
});

describe("Python objects", () => {
  const x = npy("|u1", [2, 1, 1], Uint8Array.of(10, 20));
  const withObjects = async (key: string, objects: string) =>
    file(await zipChunks({ "x.npy": x, [`${key}.npy`]: Buffer.from(objects, "base64") }));

  it.each([
    ["labels", "dictionary"],
    ["labels", "protocol2"],
    ["labels", "protocol3"],
    ["n_obj", "numbers"],
    ["y", "lists"],
    ["y", "arrays"],
  ] as const)("in the array %s may be counts: %s", async (key, kind) => {
    const lines: string[] = [];
    const path = await withObjects(key, pickled[kind]);
    const { counts } = await readNpz(path, { onNotice: (line) => void lines.push(line) });
    expect([...counts]).toEqual([1, 2]);
    const said = [`${path}: the array ${key} has the counts, as there is no array n_obj`];
    expect(lines).toEqual(key === "n_obj" ? [] : said);
  });

  it("may have the counts in any entry that is named", async () => {
    const path = await withObjects("labels", pickled.otherKey);
    expect([...(await readNpz(path, { countsKey: "labels.digits" })).counts]).toEqual([1, 2]);
    await expect(readNpz(path)).rejects.toThrow(
      /dictionary without n_obj or .*: its entries are digits, which countsKey/,
    );
  });

  it("that name anything to call are refused, with the line of Python that makes them readable", async () => {
    await expect(readNpz(await withObjects("labels", pickled.call))).rejects.toMatchObject({
      message: expect.stringMatching(
        /the array labels cannot be read as counts: its Python objects need posix\.system, which is not read\. .*np\.savez\(/,
      ),
      key: "countsKey",
    });
  });

  it("that are cut short or damaged are refused by name", async () => {
    for (const kind of ["dictionary", "protocol2"] as const) {
      const sound = Buffer.from(pickled[kind], "base64");
      for (let end = 128; end < sound.length; end += 3) {
        const cut = sound.subarray(0, end).toString("base64");
        await expect(readNpz(await withObjects("labels", cut)), `${end} bytes`).rejects.toThrow(
          /labels cannot be read as/,
        );
      }
      for (let at = 128; at < sound.length; at += 2) {
        const changed = Buffer.from(sound);
        changed[at]! ^= 0x15;
        const read = readNpz(await withObjects("labels", changed.toString("base64")));
        await read.catch((cause: unknown) => expect(cause, `byte ${at}`).toBeInstanceOf(DataError));
      }
    }
  });
});

describe("the counts", () => {
  const x = ["|u1", [2, 1, 1], Uint8Array.of(1, 2)] as const;

  it.each<[string, ArrayBufferView]>([
    ["<i8", BigInt64Array.of(-1n, 1n, -1n, 0n)],
    ["<f8", Float64Array.of(Number.NaN, 1, Number.NaN, 0)],
  ])("of dtype %s may be known for some images only, which then come first, with their boxes", async (descr, data) => {
    const four = ["|u1", [4, 1, 1], Uint8Array.of(10, 20, 30, 40)] as const;
    const boxes = ["<f4", [4, 1, 4], Float32Array.from({ length: 16 }, (_, i) => i)] as const;
    const scenes = await readNpz(await arrays({ x: four, n_obj: [descr, [4], data], boxes }));
    expect([...scenes.images]).toEqual([20, 40, 10, 30]);
    expect([...scenes.counts]).toEqual([1, 0]);
    expect([...scenes.boxes]).toEqual([4, 5, 6, 7, 12, 13, 14, 15]);
    expect(scenes).toMatchObject({ size: 4, maxObjects: 1 });
  });

  it.each<[string, string, readonly number[], ArrayBufferView, RegExp]>([
    ["are too few", "|u1", [1], new Uint8Array(1), /array n_obj has shape \(1\), expected \(2,\)/],
    ["are a table", "|u1", [2, 2], new Uint8Array(4), /has shape \(2, 2\)/],
    [
      "are halves",
      "<f4",
      [2],
      Float32Array.of(1, 0.5),
      /the count 0\.5 for image 1, expected an integer from 0 to 255/,
    ],
    ["are negative", "<i4", [2], Int32Array.of(-2, 0), /the count -2 for image 0/],
  ])("that %s are refused", async (_, descr, shape, data, message) => {
    await expect(readNpz(await arrays({ x, n_obj: [descr, shape, data] }))).rejects.toThrow(message);
  });

  it("need as many boxes as they count", async () => {
    const n_obj = ["|u1", [2], Uint8Array.of(0, 2)] as const;
    const boxes = ["<f4", [2, 1, 4], new Float32Array(8)] as const;
    await expect(readNpz(await arrays({ x, n_obj, boxes }))).rejects.toThrow(
      /boxes has shape \(2, 1, 4\).*M from 2 to 255/,
    );
  });
});

describe("an array that unpacks to too many bytes", () => {
  const byteLength = 2 ** 29 + 2 ** 20;

  it("is refused before it is unpacked", async () => {
    const x = npy("|u1", [byteLength / 2 ** 20, 1024, 1024], new Uint8Array(0));
    const path = await packedZeros({ "x.npy": [x, byteLength] });
    await expect(readNpz(path)).rejects.toThrow(
      /array x would unpack a file of \d+ bytes to 537919488, at most 536870912 are: save fewer images, or np\.savez/,
    );
  });

  it("is refused by its shape before it is unpacked, whatever its size", async () => {
    const x = npy("|u1", [2, 1, 1], Uint8Array.of(1, 2));
    const path = await packedZeros({
      "x.npy": [x, 0],
      "n_obj.npy": [npy("|u1", [byteLength], new Uint8Array(0)), byteLength],
    });
    await expect(readNpz(path)).rejects.toThrow("array n_obj has shape (537919488), expected (2,): one count an image");
  });

  it("is refused with the boxes that its counts would need", async () => {
    const size = 200_000;
    const x = npy("|u1", [size, 1, 1], new Uint8Array(size));
    const n_obj = npy("|u1", [size], new Uint8Array(size).fill(255));
    await expect(readNpz(await file(await zipChunks({ "x.npy": x, "n_obj.npy": n_obj })))).rejects.toThrow(
      "The boxes of 200000 images of up to 255 objects take more than 536870912 bytes",
    );
  });

  const ZEROS = new Uint8Array(2 ** 20);
  /** A part of a deflated stream that needs nothing before it, so that it can be repeated. */
  const packedPiece = (bytes: Uint8Array) => deflateRawSync(bytes, { finishFlush: constants.Z_FULL_FLUSH });

  /** An archive of entries that begin with the bytes and have so many zeros behind them. */
  async function packedZeros(entries: Record<string, readonly [head: Uint8Array, zeros: number]>): Promise<string> {
    const heads = Object.fromEntries(Object.entries(entries).map(([name, [head]]) => [name, head]));
    const bytes = Buffer.concat(await zipChunks(heads));
    const parts: Buffer[] = [];
    const records: Buffer[] = [];
    let at = directory(bytes);
    let offset = 0;
    for (const [name, [head, zeros]] of Object.entries(entries)) {
      const pieces = [packedPiece(head), ...new Array<Buffer>(zeros / ZEROS.length).fill(packedPiece(ZEROS))];
      const content = Buffer.concat([...pieces, deflateRawSync(new Uint8Array(0))]);
      const length = 46 + name.length;
      const record = Buffer.from(bytes.subarray(at, at + length));
      at += length;
      record.writeUInt32LE(content.length, 20);
      record.writeUInt32LE(head.length + zeros, 24);
      record.writeUInt32LE(offset, 42);
      const local = bytes.subarray(0, 30 + "x.npy".length);
      const start = Buffer.concat([local.subarray(0, 30), Buffer.from(name)]);
      start.writeUInt16LE(name.length, 26);
      parts.push(start, content);
      offset += start.length + content.length;
      records.push(record);
    }
    const end = Buffer.from(bytes.subarray(-22));
    end.writeUInt32LE(offset, 16);
    return file([...parts, ...records, end]);
  }
});

/** Where the directory of an archive begins. */
function directory(bytes: Buffer): number {
  return bytes.readUInt32LE(bytes.length - 6);
}

describe("an archive", () => {
  const good = () => zipChunks({ "x.npy": encodeNpy([1, 2, 2], Uint8Array.of(1, 2, 3, 4)) }).then(Buffer.concat);

  it.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    [
      "of another kind",
      () => Buffer.from("a text that is no archive at all"),
      /is not a readable ZIP.*another kind of file/,
    ],
    ["that is empty", () => Buffer.alloc(0), /another kind of file/],
    ["that is cut short", (bytes) => bytes.subarray(0, -8), /it is truncated/],
    ["with a wrong bit", (bytes) => flip(bytes, 45), /entry x\.npy (is damaged|cannot be unpacked)/],
    ["with another CRC", (bytes) => flip(bytes, directory(bytes) + 16), /x\.npy is damaged: its CRC-32/],
    ["with an encrypted entry", (bytes) => flip(bytes, directory(bytes) + 8), /its entry x\.npy is encrypted/],
    ["packed in another way", (bytes) => flip(bytes, directory(bytes) + 10), /packed by method 9, only stored \(0\)/],
    ["without its zip64 sizes", (bytes) => set32(bytes, directory(bytes) + 24, 0xffffffff), /damaged \(zip64\)/],
    ["whose directory lies", (bytes) => set32(bytes, bytes.length - 6, 3), /its directory is damaged/],
    ["whose entry lies elsewhere", (bytes) => set32(bytes, directory(bytes) + 42, 5), /x\.npy is not where/],
  ])("%s is refused", async (_, damage, message) => {
    await expect(readNpz(await file(damage(await good())))).rejects.toThrow(message);
  });

  it("is refused before an entry is unpacked that claims more bytes than it can hold", async () => {
    const bytes = await good();
    set32(bytes, directory(bytes) + 24, 0xfffffffe);
    await expect(readNpz(await file(bytes))).rejects.toThrow(
      /entry x\.npy has 4294967294 bytes by the directory, but \d+ packed bytes make \d+ at most/,
    );
  });

  it.each([-1, 1])("is refused if its directory has the size of an entry wrong by %d", async (difference) => {
    const bytes = await good();
    const size = bytes.readUInt32LE(directory(bytes) + 24);
    await expect(readNpz(await file(set32(bytes, directory(bytes) + 24, size + difference)))).rejects.toThrow(
      /entry x\.npy has more than the 131 bytes that the directory says|array x cannot be read: shape \(1, 2, 2\) of \|u1 needs 4/,
    );
  });

  it("is refused if bytes follow the packed content of an entry", async () => {
    const bytes = await good();
    const packed = bytes.readUInt32LE(directory(bytes) + 20);
    await expect(readNpz(await file(set32(bytes, directory(bytes) + 20, packed + 1)))).rejects.toThrow(
      /entry x\.npy has 1 bytes behind the end of its packed content/,
    );
  });

  it("is refused if two entries have one name", async () => {
    const bytes = Buffer.concat(await zipChunks({ "x.npy": ramp, "y.npy": ramp }));
    for (let at = bytes.indexOf("y.npy"); at !== -1; at = bytes.indexOf("y.npy")) bytes.write("x", at);
    await expect(readNpz(await file(bytes))).rejects.toThrow("it has two entries x.npy");
  });

  it("names only the first of very many arrays in its error", async () => {
    const names = Array.from({ length: 30 }, (_, i) => [`a${i}.npy`, new Uint8Array(0)]);
    await expect(readNpz(await file(await zipChunks(Object.fromEntries(names))))).rejects.toThrow(
      "it has a0, a1, a2, a3, a4, a5, a6, a7, a8, a9 and 20 more.",
    );
  });

  it("may end with a comment", async () => {
    const bytes = Buffer.concat([await good(), Buffer.from("hello")]);
    bytes.writeUInt16LE(5, bytes.length - 7);
    expect((await readNpz(await file(bytes))).size).toBe(1);
  });

  it("is named if it does not exist", async () => {
    await expect(readNpz(join(folder, "none.npz"))).rejects.toThrow(/Cannot read .*none\.npz: the file or its folder/);
  });

  it("keeps files of any content and size, also empty ones", async () => {
    const files = { "empty.bin": new Uint8Array(0), "zeros.bin": new Uint8Array(100_000), "a/b.bin": ramp };
    await readInParts(await file(await zipChunks(files)), { maxBytes: 2 ** 20 }, async (opened) => {
      const archive = await ZipArchive.read(opened, "archive");
      expect(archive.names).toEqual(Object.keys(files));
      for (const [name, data] of Object.entries(files)) {
        const { size, chunks } = archive.open(name);
        const found: Uint8Array[] = [];
        for await (const chunk of chunks) found.push(chunk);
        expect(size).toBe(data.length);
        expect(Buffer.concat(found).equals(data)).toBe(true);
      }
      expect(() => archive.open("c")).toThrow("archive has no entry c, only empty.bin, zeros.bin, a/b.bin");
    });
  });

  it("may have its sizes and places in zip64 fields", async () => {
    const bytes = await good();
    const [at, end] = [directory(bytes), bytes.length - 22];
    const record = Buffer.from(bytes.subarray(at, end));
    const large = Buffer.alloc(4 + 24);
    large.writeUInt16LE(1, 0);
    large.writeUInt16LE(24, 2);
    [24, 20, 42].forEach((field, i) => {
      large.writeBigUInt64LE(BigInt(record.readUInt32LE(field)), 4 + 8 * i);
      record.writeUInt32LE(0xffffffff, field);
    });
    record.writeUInt16LE(large.length, 30);
    const end64 = Buffer.alloc(56);
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(1n, 32);
    end64.writeBigUInt64LE(BigInt(at), 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeBigUInt64LE(BigInt(at + record.length + large.length), 8);
    const last = Buffer.from(bytes.subarray(end));
    last.writeUInt16LE(0xffff, 10);
    last.writeUInt32LE(0xffffffff, 16);
    const whole = Buffer.concat([bytes.subarray(0, at), record, large, end64, locator, last]);
    expect([...(await readNpz(await file(whole))).images]).toEqual([1, 2, 3, 4]);
    locator.writeBigUInt64LE(2n ** 60n, 8);
    const astray = Buffer.concat([bytes.subarray(0, at), record, large, end64, locator, last]);
    await expect(readNpz(await file(astray))).rejects.toThrow("its directory is damaged (zip64)");
  });

  it("may be larger than 4 GiB, of which only the arrays that are asked for are read", async () => {
    const bytes = await good();
    const path = await file("");
    const opened = await open(path, "w");
    const shift = 2 ** 32 + 2 ** 20;
    const at = directory(bytes);
    // The entry is beyond 4 GiB of a hole, which takes no room on the disk.
    const record = Buffer.from(bytes.subarray(at, bytes.length - 22));
    record.writeUInt32LE(0xffffffff, 42);
    record.writeUInt16LE(12, 30);
    const large = Buffer.alloc(12);
    large.writeUInt16LE(1, 0);
    large.writeUInt16LE(8, 2);
    large.writeBigUInt64LE(BigInt(shift), 4);
    const end64 = Buffer.alloc(56);
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(1n, 32);
    end64.writeBigUInt64LE(BigInt(shift + at), 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeBigUInt64LE(BigInt(shift + at + record.length + 12), 8);
    const tail = Buffer.concat([bytes.subarray(0, at), record, large, end64, locator, bytes.subarray(-22)]);
    await opened.write(tail, 0, tail.length, shift);
    await opened.close();
    expect([...(await readNpz(path)).images]).toEqual([1, 2, 3, 4]);
  });
});

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at]! ^= 1;
  return bytes;
}

function set32(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt32LE(value, at);
  return bytes;
}
