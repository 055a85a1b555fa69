/**
 * The NPY format of one NumPy array (numpy.lib.format, versions 1, 2, 3): a magic string, a header that is a Python
 * dictionary, the data. Numbers of either byte order, in C or Fortran order, are read; arrays of Python objects are left to
 * pickle.ts. Everything else is refused with a message that names it.
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
  /** Whether the elements were stored as floating-point numbers. */
  readonly isFloat: boolean;
}

const MAGIC = "\x93NUMPY";
type Fail = (reason: string) => never;

/** Makes the elements of little-endian bytes, by kind and bytes of an element. */
const readers: Readonly<Record<string, (bytes: ArrayBuffer, fail: Fail) => NpyData>> = {
  b1: (bytes) => new Uint8Array(bytes),
  u1: (bytes) => new Uint8Array(bytes),
  i1: (bytes) => new Int8Array(bytes),
  u2: (bytes) => new Uint16Array(bytes),
  i2: (bytes) => new Int16Array(bytes),
  u4: (bytes) => new Uint32Array(bytes),
  i4: (bytes) => new Int32Array(bytes),
  u8: (bytes, fail) => exact(new BigUint64Array(bytes), fail),
  i8: (bytes, fail) => exact(new BigInt64Array(bytes), fail),
  f2: (bytes) => Float32Array.from(new Uint16Array(bytes), fromHalf),
  f4: (bytes) => new Float32Array(bytes),
  f8: (bytes) => new Float64Array(bytes),
};

/** Most bytes of a header, the limit of NumPy itself. */
const MAX_HEADER_BYTES = 10_000;
/** Most dimensions. NumPy's own limit is 32, since version 2 it is 64. */
const MAX_RANK = 64;
/** Length of the longest array in Node 20. */
const MAX_ARRAY_BYTES = 2 ** 32;

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
  /** Type of the elements, such as `<f4`; `|O` for Python objects. */
  readonly descr: string;
  /** Number of elements. */
  readonly length: number;
  /** Bytes of the data. */
  readonly byteLength: number;
}

/**
 * Reads the form of an array, and no more of the file than its header.
 *
 * @param source name of the file in error messages
 * @throws {DataError} naming `source` and what is wrong or cannot be read
 * @throws the errors of the chunks
 */
export async function npyForm({ size, chunks }: NpyContent, source: string): Promise<NpyForm> {
  const fail = failing(source);
  let head = Buffer.alloc(0);
  for await (const chunk of chunks) {
    head = Buffer.concat([head, chunk]);
    const header = parseHeader(head, size, fail);
    if (header) return header;
  }
  return endedEarly(head, fail);
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
  content: NpyContent,
  source: string,
  accept: (form: NpyForm) => void = () => {},
): Promise<NpyArray> {
  const fail = failing(source);
  const { header, data } = await readData(content, fail, (form) => {
    checkNumbers(form, content.size, fail);
    accept(form);
  });
  const { shape, isFortran, descr } = header;
  const values = numbersFrom(data, descr, fail);
  return { shape, data: isFortran ? inRows(values, shape) : values, isFloat: descr[1] === "f" };
}

/**
 * Reads the pickled bytes of an array of Python objects.
 *
 * @param most most bytes that are read
 * @throws as {@link decodeNpy}
 */
export async function pickledNpy(content: NpyContent, source: string, most: number): Promise<Uint8Array> {
  const fail = failing(source);
  const { data } = await readData(content, fail, ({ byteLength }) => {
    if (byteLength > most) fail(`its Python objects take ${byteLength} bytes, at most ${most} are read`);
  });
  return data;
}

/** Makes numbers of bytes, which are overwritten, in the byte order that `descr` says. */
export function numbersFrom(bytes: Uint8Array<ArrayBuffer>, descr: string, fail: Fail): NpyData {
  const kind = descr.slice(1);
  const reader = Object.hasOwn(readers, kind) ? readers[kind] : undefined;
  if (!reader) {
    return fail(`its elements are of dtype ${descr.slice(0, 100)}, not plain numbers: convert it with astype`);
  }
  const { buffer, byteOffset, byteLength } = bytes;
  const size = Number(kind.slice(1));
  const own = byteOffset === 0 && byteLength === buffer.byteLength ? buffer : bytes.slice().buffer;
  if (descr.startsWith(">")) swap(Buffer.from(own), size);
  return reader(own, fail);
}

async function readData(
  { size, chunks }: NpyContent,
  fail: Fail,
  accept: (form: NpyForm) => void,
): Promise<{ readonly header: Header; readonly data: Uint8Array<ArrayBuffer> }> {
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
      header = parseHeader(head, size, fail);
      if (!header) continue;
      accept(header);
      data = new Uint8Array(header.byteLength);
      fill(head.subarray(header.dataStart));
    }
  }
  if (!header) return endedEarly(head, fail);
  if (filled < data.length) fail(`it ends after ${header.dataStart + filled} of ${size} bytes`);
  return { header, data };
}

function failing(source: string): Fail {
  return (reason) => {
    throw new DataError(`${source} cannot be read: ${reason}`);
  };
}

function endedEarly(head: Buffer, fail: Fail): never {
  return fail(head.length < 10 ? "it is not a NumPy array" : "its header is truncated");
}

interface Header extends NpyForm {
  readonly isFortran: boolean;
  readonly dataStart: number;
}

/** Parses the header of a file of `size` bytes; undefined while `head` does not have all of it. */
function parseHeader(head: Buffer, size: number, fail: Fail): Header | undefined {
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
  const text = head.toString(version === 3 ? "utf8" : "latin1", start, dataStart);
  const { descr, shape, isFortran } = parseDictionary(text, fail);
  const length = shape.reduce((product, dim) => product * dim, 1);
  return { descr, shape, isFortran, length, byteLength: Math.max(0, size - dataStart), dataStart };
}

function checkNumbers({ descr, shape, length, byteLength }: NpyForm, size: number, fail: Fail): void {
  if (descr.endsWith("O")) {
    fail("its elements are Python objects: save an array of numbers, such as np.stack(x).astype(np.uint8)");
  }
  if (!Object.hasOwn(readers, descr.slice(1))) {
    const known = Object.keys(readers).join(", ");
    fail(`its elements are of dtype ${descr.slice(0, 100)}, not one of ${known}: convert it with astype`);
  }
  const needed = length * Number(descr.slice(2));
  if (needed !== byteLength) {
    fail(
      `shape (${shape.join(", ")}) of ${descr} needs ${needed} bytes, ${byteLength} are there: it is damaged or truncated`,
    );
  }
  if (size > MAX_ARRAY_BYTES) {
    fail(`it has ${size} bytes, at most ${MAX_ARRAY_BYTES} are read: save it as np.uint8, or fewer images`);
  }
}

function parseDictionary(header: string, fail: Fail): { descr: string; shape: number[]; isFortran: boolean } {
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const dims = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  if (/'descr':\s*\[/.test(header)) fail("its elements are records: save one plain array of numbers for each field");
  if (descr === undefined || order === undefined || dims === undefined) {
    return fail(`its header is damaged: ${header.trim().slice(0, 100)}`);
  }
  const shape = dims.split(",").flatMap((dim) => (dim.trim() === "" ? [] : [Number(dim)]));
  if (shape.length > MAX_RANK || !shape.every(Number.isSafeInteger))
    fail(`its shape is damaged: (${dims.slice(0, 100)})`);
  return { descr, shape, isFortran: order === "True" };
}

/** Turns the bytes of each element of `size` bytes round. */
function swap(bytes: Buffer, size: number): void {
  if (size === 2) bytes.swap16();
  else if (size === 4) bytes.swap32();
  else if (size === 8) bytes.swap64();
}

/** Copies elements in Fortran order, where the first index changes fastest, into C order. */
function inRows(values: NpyData, shape: readonly number[]): NpyData {
  const rows = values.slice();
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, dim) => product * dim, 1));
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < rows.length; to++) {
    rows[to] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return rows;
}

/** The value of a half-precision number (IEEE 754 binary16) with these bits. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
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
