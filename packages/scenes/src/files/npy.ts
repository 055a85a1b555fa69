/**
 * The NPY format of one NumPy array (numpy.lib.format, versions 1, 2, 3): a magic string, a header that is a Python
 * dictionary, the data. Numbers in C order, little-endian, are read; everything else is refused by name.
 */
import { DataError } from "../data-error.js";

export type NpyData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

export interface NpyArray {
  readonly shape: readonly number[];
  /** Row-major. 64-bit integers become doubles: those that a double cannot hold are refused. Booleans become 0 and 1. */
  readonly data: NpyData;
}

const MAGIC = "\x93NUMPY";
const readers: Readonly<Record<string, (bytes: ArrayBuffer, fail: Fail) => NpyData>> = {
  "|b1": (bytes) => new Uint8Array(bytes),
  "|u1": (bytes) => new Uint8Array(bytes),
  "|i1": (bytes) => new Int8Array(bytes),
  "<u2": (bytes) => new Uint16Array(bytes),
  "<i2": (bytes) => new Int16Array(bytes),
  "<u4": (bytes) => new Uint32Array(bytes),
  "<i4": (bytes) => new Int32Array(bytes),
  "<u8": (bytes, fail) => exact(new BigUint64Array(bytes), fail),
  "<i8": (bytes, fail) => exact(new BigInt64Array(bytes), fail),
  "<f4": (bytes) => new Float32Array(bytes),
  "<f8": (bytes) => new Float64Array(bytes),
};
type Fail = (reason: string) => never;

/**
 * @param source what the bytes are, for error messages
 * @throws {DataError} naming `source` and what is wrong or cannot be read
 */
export function decodeNpy(bytes: Uint8Array, source: string): NpyArray {
  const fail: Fail = (reason) => {
    throw new DataError(`${source} cannot be read: ${reason}`);
  };
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 10 || file.toString("latin1", 0, 6) !== MAGIC) fail("it is not a NumPy array");
  const version = file[6]!;
  if (version < 1 || version > 3) fail(`it has version ${version} of the NPY format, 1 to 3 are known`);
  const start = version === 1 ? 10 : 12;
  const headerLength = version === 1 ? file.readUInt16LE(8) : file.length < 12 ? 0 : file.readUInt32LE(8);
  const dataStart = start + headerLength;
  if (dataStart > file.length) fail("its header is truncated");
  const header = file.toString(version === 3 ? "utf8" : "latin1", start, dataStart);
  const { descr, shape } = parseHeader(header, fail);
  const width = descr === "|b1" ? 1 : Number(descr.slice(2));
  const expected = shape.reduce((product, dim) => product * dim, 1) * width;
  const found = file.length - dataStart;
  if (found !== expected) {
    fail(
      `shape (${shape.join(", ")}) of ${descr} needs ${expected} bytes, ${found} are there: it is damaged or truncated`,
    );
  }
  // A copy, because the data may begin at any byte.
  const data = new Uint8Array(expected);
  data.set(file.subarray(dataStart));
  return { shape, data: readers[descr]!(data.buffer, fail) };
}

function parseHeader(header: string, fail: Fail): { descr: string; shape: number[] } {
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const dims = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  if (/'descr':\s*\[/.test(header)) fail("its elements are records: save one plain array of numbers for each field");
  if (descr === undefined || order === undefined || dims === undefined) {
    return fail(`its header is damaged: ${header.trim().slice(0, 100)}`);
  }
  if (descr.includes("O")) {
    fail("its elements are Python objects: save an array of numbers, such as np.stack(x).astype(np.uint8)");
  }
  if (!(descr in readers)) {
    fail(`its elements are of dtype ${descr}, not one of ${Object.keys(readers).join(", ")}: convert it with astype`);
  }
  if (order === "True") fail("it is in Fortran order: save np.ascontiguousarray(x)");
  return { descr, shape: dims.split(",").flatMap((dim) => (dim.trim() === "" ? [] : [Number(dim)])) };
}

function exact(integers: BigInt64Array | BigUint64Array, fail: Fail): Float64Array {
  return Float64Array.from(integers, (value) => {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : fail(`it has the value ${value}, which is too large`);
  });
}

/** The bytes of an NPY file, version 1. */
export function encodeNpy(
  shape: readonly number[],
  data: Uint8Array | Int32Array | BigInt64Array | Float32Array,
): Uint8Array {
  const descr =
    data instanceof Uint8Array ? "|u1" : `<${data instanceof Float32Array ? "f" : "i"}${data.BYTES_PER_ELEMENT}`;
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // The data begin at a multiple of 64 bytes.
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const head = Buffer.alloc(length, " ", "latin1");
  head.write(`${MAGIC}\x01\x00`, 0, "latin1");
  head.writeUInt16LE(length - 10, 8);
  head.write(dictionary, 10, "latin1");
  head.write("\n", length - 1, "latin1");
  return Buffer.concat([head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}
