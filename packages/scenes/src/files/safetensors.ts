/**
 * The safetensors format (https://github.com/huggingface/safetensors#format): named tensors in one file, a JSON header
 * and raw little-endian data. The functions work on bytes; their caller reads and writes the files.
 *
 * Typed arrays are in the machine's byte order, which is little-endian wherever onnxruntime runs.
 */
import { SafetensorsError } from "../errors.js";

/** The typed array of each dtype. A BOOL is one byte, 0 or 1. */
const arrayTypes = {
  F64: Float64Array,
  F32: Float32Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies Record<SafetensorsDtype, unknown>;

/** The typed array of each dtype, over buffers of type `B`. */
export type SafetensorsArrays<B extends ArrayBufferLike = ArrayBufferLike> = {
  /** 64-bit floats. */
  readonly F64: Float64Array<B>;
  /** 32-bit floats. */
  readonly F32: Float32Array<B>;
  /** 64-bit integers. */
  readonly I64: BigInt64Array<B>;
  /** Unsigned 64-bit integers. */
  readonly U64: BigUint64Array<B>;
  /** 32-bit integers. */
  readonly I32: Int32Array<B>;
  /** Unsigned 32-bit integers. */
  readonly U32: Uint32Array<B>;
  /** 16-bit integers. */
  readonly I16: Int16Array<B>;
  /** Unsigned 16-bit integers. */
  readonly U16: Uint16Array<B>;
  /** 8-bit integers. */
  readonly I8: Int8Array<B>;
  /** Unsigned 8-bit integers. */
  readonly U8: Uint8Array<B>;
  /** Booleans, a byte each, 0 or 1. */
  readonly BOOL: Uint8Array<B>;
};

/** The type of a tensor's elements, by its name in the format. Only types with a typed array are supported. */
export type SafetensorsDtype = keyof SafetensorsArrays;

/** A tensor. `data` is in row-major order and has exactly as many elements as `shape` says. */
export type SafetensorsTensor<B extends ArrayBufferLike = ArrayBufferLike> = {
  [D in SafetensorsDtype]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: SafetensorsArrays<B>[D];
  };
}[SafetensorsDtype];

/** The content of a file. */
export interface SafetensorsFile {
  /** Tensors by name. */
  readonly tensors: Readonly<Record<string, SafetensorsTensor<ArrayBuffer>>>;
  /** Free texts by key; empty if the file has none. */
  readonly metadata: Readonly<Record<string, string>>;
}

const METADATA = "__metadata__";
/** Most bytes of a header: far above that of any network here, and far below what exhausts the memory as JSON. */
const MAX_HEADER_BYTES = 2 ** 23;
/** Most letters, or list elements, of a value in an error message. */
const MAX_SHOWN = 100;

/**
 * Encodes a file as one array of bytes.
 *
 * @throws {SafetensorsError} naming the tensor whose data does not fit its shape or dtype.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, SafetensorsTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const chunks = safetensorsChunks(tensors, metadata);
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/**
 * Encodes a file without copying the tensors: the header, then a view of each tensor. The bytes are those of
 * {@link encodeSafetensors}.
 *
 * @throws {SafetensorsError} naming the tensor whose data does not fit its shape or dtype.
 */
export function safetensorsChunks(
  tensors: Readonly<Record<string, SafetensorsTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  for (const [name, tensor] of Object.entries(tensors)) checkTensor(name, tensor);
  const { head, order } = safetensorsHead(tensors, metadata);
  return [
    head,
    ...order.map((name) => {
      const { buffer, byteOffset, byteLength } = tensors[name]!.data;
      return new Uint8Array(buffer, byteOffset, byteLength);
    }),
  ];
}

/** The type and shape of a tensor. */
export interface SafetensorsForm {
  /** Type of its elements. */
  readonly dtype: SafetensorsDtype;
  /** Its dimensions. */
  readonly shape: readonly number[];
}

/**
 * Encodes the beginning of a file whose tensors are written without having all of them in memory.
 *
 * @returns the bytes before the tensors, and the names of the tensors in the order in which their data follow
 * @throws {SafetensorsError} if a tensor has the name that the format keeps
 */
export function safetensorsHead(
  tensors: Readonly<Record<string, SafetensorsForm>>,
  metadata: Readonly<Record<string, string>> = {},
): { readonly head: Uint8Array; readonly order: readonly string[] } {
  // Wide elements first, then by name, as the format's own writer does: every tensor is aligned to its element.
  const entries = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) => elementBytes(b.dtype) - elementBytes(a.dtype) || (nameA < nameB ? -1 : 1),
  );
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) header.push([METADATA, metadata]);
  let offset = 0;
  for (const [name, { dtype, shape }] of entries) {
    if (name === METADATA) {
      throw new SafetensorsError(`A tensor cannot be called ${METADATA}: the format keeps that name`, { tensor: name });
    }
    const end = offset + elementCount(shape) * elementBytes(dtype);
    header.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const paddedLength = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + paddedLength).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(paddedLength), true);
  head.set(json, 8);
  return { head, order: entries.map(([name]) => name) };
}

/**
 * Decodes a file. The tensors' data are views of `bytes` where their alignment allows it, else copies.
 *
 * @param source name of the bytes in error messages: a path or URL
 * @throws {SafetensorsError} naming `source` and what is wrong: too short, a header that is too long or not JSON, a dtype
 *   without typed array, offsets out of range, overlapping or with holes, or a shape that does not match the length.
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): SafetensorsFile {
  const headLength = safetensorsHeadLength(bytes, bytes.length, source);
  const { tensors, metadata } = decodeSafetensorsHead(bytes.subarray(0, headLength), bytes.length, source);
  return {
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([name, { dtype, shape, begin, end }]) => {
        const data = arrayOf(dtype, bytes.subarray(begin, end));
        return [name, { dtype, shape, data } as SafetensorsTensor<ArrayBuffer>];
      }),
    ),
    metadata,
  };
}

/** The beginning of a file: all but the tensors' data. */
export interface SafetensorsHead {
  /** Tensors by name, in the order of their data. */
  readonly tensors: Readonly<Record<string, SafetensorsPlace>>;
  /** Free texts by key; empty if the file has none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The type, shape and place of a tensor in a file. */
export interface SafetensorsPlace extends SafetensorsForm {
  /** Place in the file of the first byte of its data. */
  readonly begin: number;
  /** Place in the file behind its data. */
  readonly end: number;
}

/**
 * The number of bytes before the tensors' data, for a file of which not all is in memory.
 *
 * @param first the file's first 8 bytes, or more; all of them if it has fewer
 * @param size number of bytes of the file
 * @throws {SafetensorsError} as {@link decodeSafetensors}
 */
export function safetensorsHeadLength(first: Uint8Array, size: number, source: string): number {
  if (size < 8) invalid(source, `it has ${size} bytes, fewer than the 8 of the header's length`);
  const headerLength = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  if (headerLength > MAX_HEADER_BYTES) {
    invalid(source, `its header is said to be ${headerLength} bytes long, at most ${MAX_HEADER_BYTES} are allowed`);
  }
  const length = 8 + headerLength;
  if (length > size) {
    invalid(source, `its header should end at byte ${length}, but the file has ${size}: it is truncated`);
  }
  return length;
}

/**
 * Decodes the beginning of a file.
 *
 * @param head as many bytes as {@link safetensorsHeadLength} returns
 * @param size number of bytes of the file
 * @throws {SafetensorsError} as {@link decodeSafetensors}
 */
export function decodeSafetensorsHead(head: Uint8Array, size: number, source: string): SafetensorsHead {
  const fail = (reason: string, cause?: unknown): never => invalid(source, reason, cause);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(head.subarray(8)));
  } catch (cause) {
    fail(`its header is not JSON (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
  if (!isRecord(header)) return fail("its header is not a JSON object");

  let metadata: Record<string, string> = {};
  const entries: (TensorEntry & { name: string })[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) {
      if (!isStringRecord(value)) return fail(`${METADATA} is not a map from strings to strings`);
      metadata = value;
    } else {
      entries.push({ name, ...parseEntry(value, (reason) => fail(`tensor ${shown(name)}: ${reason}`)) });
    }
  }

  // Tensors must fill the data section without a hole, an overlap or a rest.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let expected = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== expected) {
      fail(`tensor ${shown(name)} begins at byte ${begin} of the data, but the tensor before it ends at ${expected}`);
    }
    expected = end;
  }
  const dataLength = size - head.length;
  if (expected !== dataLength) {
    fail(`its tensors need ${expected} bytes of data, but ${dataLength} follow the header`);
  }
  return {
    tensors: Object.fromEntries(
      entries.map(({ name, dtype, shape, begin, end }) => {
        return [name, { dtype, shape, begin: head.length + begin, end: head.length + end }];
      }),
    ),
    metadata,
  };
}

function invalid(source: string, reason: string, cause?: unknown): never {
  throw new SafetensorsError(`${source} is not a valid safetensors file: ${reason}`, { source, cause });
}

interface TensorEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function parseEntry(value: unknown, fail: (reason: string) => never): TensorEntry {
  if (!isRecord(value)) return fail("its entry is not a JSON object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !isDtype(dtype)) {
    return fail(`dtype ${shown(dtype)} is not one of ${Object.keys(arrayTypes).join(", ")}`);
  }
  if (!isSizes(shape)) return fail(`shape ${shown(shape)} is not a list of non-negative integers`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    return fail(`data_offsets ${shown(offsets)} is not [begin, end] with 0 ≤ begin ≤ end`);
  }
  const [begin, end] = offsets as [number, number];
  const needed = elementCount(shape) * elementBytes(dtype);
  if (needed !== end - begin) {
    return fail(`${dtype} of shape ${shown(shape)} is ${needed} bytes, but its data_offsets span ${end - begin}`);
  }
  return { dtype, shape, begin, end };
}

function checkTensor(name: string, { dtype, shape, data }: SafetensorsTensor): void {
  if (!isDtype(dtype) || !(data instanceof arrayTypes[dtype])) {
    throw new SafetensorsError(`Tensor "${name}": data of ${data.constructor.name} cannot be stored as ${dtype}`, {
      tensor: name,
    });
  }
  if (!isSizes(shape) || elementCount(shape) !== data.length) {
    throw new SafetensorsError(
      `Tensor "${name}": ${data.length} elements do not fill the shape [${shape.join(", ")}]`,
      {
        tensor: name,
      },
    );
  }
}

function arrayOf(dtype: SafetensorsDtype, bytes: Uint8Array): SafetensorsTensor<ArrayBuffer>["data"] {
  const size = elementBytes(dtype);
  const usable = bytes.byteOffset % size === 0 && bytes.buffer instanceof ArrayBuffer;
  const { buffer, byteOffset, length } = usable ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  return new arrayTypes[dtype](buffer, byteOffset, length / size);
}

function elementBytes(dtype: SafetensorsDtype): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The beginning of any value, for an error message. */
function shown(value: unknown): string {
  // JSON.stringify fails on lists nested a thousand deep, so only numbers and texts are written by it.
  const plain = (each: unknown): string =>
    typeof each === "string" || typeof each === "number" ? JSON.stringify(each) : each === null ? "null" : typeof each;
  const text = Array.isArray(value) ? `[${value.slice(0, MAX_SHOWN).map(plain).join(", ")}]` : plain(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function isDtype(value: string): value is SafetensorsDtype {
  return Object.hasOwn(arrayTypes, value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((entry) => typeof entry === "string");
}
