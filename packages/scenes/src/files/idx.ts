/**
 * The IDX format of the MNIST files (http://yann.lecun.com/exdb/mnist/): a magic number with the element type and the
 * number of dimensions, then the big-endian sizes, then the data. Only unsigned bytes are read, the only type in MNIST.
 */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { DataError } from "../errors.js";

/** An array of bytes. */
export interface IdxArray {
  /** Sizes of the dimensions. */
  readonly shape: readonly number[];
  /** Elements in row-major order, a view of the bytes that were parsed. */
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const TYPE_NAMES: Readonly<Record<number, string>> = {
  9: "signed bytes",
  11: "16-bit integers",
  12: "32-bit integers",
  13: "32-bit floats",
  14: "64-bit floats",
};
/** Most bytes of a file, unpacked. The largest file of MNIST has 47 MB, so larger ones are refused. */
export const MAX_IDX_BYTES = 2 ** 26;

/**
 * Unpacks gzip'd bytes; returns other bytes as they are.
 *
 * @param source name of the bytes in error messages: a path or URL
 * @throws {DataError} naming `source` if they begin as gzip but are damaged or truncated, or unpack to more than
 *   {@link MAX_IDX_BYTES}
 */
export async function unpackGzip(bytes: Uint8Array, source: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_IDX_BYTES });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new DataError(
      code === "ERR_BUFFER_TOO_LARGE"
        ? `${source} cannot be unpacked, it has more than ${MAX_IDX_BYTES} bytes: no file of MNIST is so large`
        : `${source} cannot be unpacked, it is damaged or truncated: ${message}`,
      { cause },
    );
  }
}

/**
 * Reads unpacked IDX bytes.
 *
 * @param source name of the bytes in error messages: a path or URL
 * @throws {DataError} naming `source` and what is wrong: the magic number, the element type, too few or too many bytes
 */
export function parseIdx(bytes: Uint8Array, source: string): IdxArray {
  const fail = (reason: string): never => {
    throw new DataError(`${source} is not a valid IDX file of unsigned bytes: ${reason}`);
  };
  if (bytes.length < 4) return fail(`it has ${bytes.length} bytes, fewer than its magic number needs`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint8(2);
  const rank = view.getUint8(3);
  if (view.getUint16(0) !== 0 || (type !== UNSIGNED_BYTE && !(type in TYPE_NAMES)) || rank === 0) {
    fail(`its magic number is 0x${hex(view.getUint32(0))}, expected 0x000008 and the number of dimensions`);
  }
  if (type !== UNSIGNED_BYTE)
    fail(`its elements are ${TYPE_NAMES[type]} (type 0x${type.toString(16).padStart(2, "0")})`);
  const dataStart = 4 + 4 * rank;
  if (bytes.length < dataStart) fail(`it has ${bytes.length} bytes and ends within its ${rank} sizes: it is truncated`);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = shape.reduce((product, size) => product * size, 1);
  const found = bytes.length - dataStart;
  // The product of hundreds of sizes can exceed every number.
  if (!Number.isSafeInteger(expected)) fail(`[${shape.slice(0, 8).join(", ")}, …] is no size of a file`);
  if (found < expected) fail(`[${shape.join(", ")}] needs ${expected} bytes, ${found} are there: it is truncated`);
  if (found > expected) fail(`[${shape.join(", ")}] needs ${expected} bytes, and ${found - expected} more follow`);
  return { shape, data: bytes.subarray(dataStart) };
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}
