/**
 * The NPY format of one NumPy array (numpy.lib.format, versions 1, 2, 3): a magic string, a header that is a Python
 * dictionary, the data. Little-endian numbers in C order are read. Everything else is refused with a message that names it.
 */
import { DataError } from "../errors.js";

/** The elements of an array. */
export type NpyData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** An array that was read. */
export interface NpyArray {
  /** Sizes of the dimensions. */
  readonly shape: readonly number[];
  /** Elements in row-major order. 64-bit integers become doubles, or are refused if too large. Booleans become 0 and 1. */
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

/** Most bytes of a header, the limit of NumPy itself. */
const MAX_HEADER_BYTES = 10_000;
/** Most dimensions. NumPy's own limit is 32, since version 2 it is 64. */
const MAX_RANK = 64;

/** An NPY file whose bytes are read piece by piece. */
export interface NpyContent {
  /** Length of the file, bytes. */
  readonly size: number;
  /** All bytes of the file. */
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The form of an array, from its header. */
export interface NpyForm {
  /** Sizes of the dimensions. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly length: number;
  /** Bytes of all elements. */
  readonly byteLength: number;
}

/**
 * Reads a file. Memory for its data is allocated once the header agrees with the file's size and `accept` has returned.
 *
 * @param source name of the file in error messages
 * @param accept throws if an array of that form is not wanted
 * @throws {DataError} naming `source` and what is wrong or cannot be read
 * @throws the errors of the chunks and of `accept`
 */
export async function decodeNpy(
  { size, chunks }: NpyContent,
  source: string,
  accept: (form: NpyForm) => void = () => {},
): Promise<NpyArray> {
  const fail: Fail = (reason) => {
    throw new DataError(`${source} cannot be read: ${reason}`);
  };
  let head = Buffer.alloc(0);
  let header: Header | undefined;
  let data = new Uint8Array(0);
  let filled = 0;
  const fill = (bytes: Uint8Array): void => {
    if (bytes.length > data.length - filled) fail(`it has more than ${size} bytes`);
    data.set(bytes, filled);
    filled += bytes.length;
  };
  for await (const chunk of chunks) {
    if (header) fill(chunk);
    else {
      head = Buffer.concat([head, chunk]);
      header = parseHeader(head, fail);
      if (!header) continue;
      checkForm(header, size, fail);
      accept(header);
      data = new Uint8Array(header.byteLength);
      fill(head.subarray(header.dataStart));
    }
  }
  if (!header) return fail(head.length < 10 ? "it is not a NumPy array" : "its header is truncated");
  if (filled < data.length) fail(`it ends after ${header.dataStart + filled} of ${size} bytes`);
  return { shape: header.shape, data: readers[header.descr]!(data.buffer, fail) };
}

interface Header extends NpyForm {
  readonly descr: string;
  readonly dataStart: number;
}

/** Parses the header; undefined while `head` does not have all of it. */
function parseHeader(head: Buffer, fail: Fail): Header | undefined {
  if (head.length < 10) return undefined;
  if (head.toString("latin1", 0, 6) !== MAGIC) fail("it is not a NumPy array");
  const version = head[6]!;
  if (version < 1 || version > 3) fail(`it has version ${version} of the NPY format, 1 to 3 are known`);
  const start = version === 1 ? 10 : 12;
  if (head.length < start) return undefined;
  const headerLength = version === 1 ? head.readUInt16LE(8) : head.readUInt32LE(8);
  if (headerLength > MAX_HEADER_BYTES)
    fail(`its header has ${headerLength} bytes, at most ${MAX_HEADER_BYTES} are read`);
  const dataStart = start + headerLength;
  if (head.length < dataStart) return undefined;
  const { descr, shape } = parseDictionary(head.toString(version === 3 ? "utf8" : "latin1", start, dataStart), fail);
  const length = shape.reduce((product, dim) => product * dim, 1);
  return { descr, shape, length, byteLength: length * (descr === "|b1" ? 1 : Number(descr.slice(2))), dataStart };
}

function checkForm({ descr, shape, byteLength, dataStart }: Header, size: number, fail: Fail): void {
  const found = size - dataStart;
  if (found !== byteLength) {
    fail(
      `shape (${shape.join(", ")}) of ${descr} needs ${byteLength} bytes, ${found} are there: it is damaged or truncated`,
    );
  }
}

function parseDictionary(header: string, fail: Fail): { descr: string; shape: number[] } {
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
  if (!Object.hasOwn(readers, descr)) {
    fail(
      `its elements are of dtype ${descr.slice(0, 100)}, not one of ${Object.keys(readers).join(", ")}: convert it with astype`,
    );
  }
  if (order === "True") fail("it is in Fortran order: save np.ascontiguousarray(x)");
  const shape = dims.split(",").flatMap((dim) => (dim.trim() === "" ? [] : [Number(dim)]));
  if (shape.length > MAX_RANK || !shape.every(Number.isSafeInteger))
    fail(`its shape is damaged: (${dims.slice(0, 100)})`);
  return { descr, shape };
}

/** Converts integers to doubles in place. */
function exact(integers: BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>, fail: Fail): Float64Array {
  const doubles = new Float64Array(integers.buffer);
  for (let i = 0; i < integers.length; i++) {
    const number = Number(integers[i]);
    doubles[i] = Number.isSafeInteger(number) ? number : fail(`it has the value ${integers[i]}, which is too large`);
  }
  return doubles;
}

/** Encodes an array as an NPY file, version 1. */
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
