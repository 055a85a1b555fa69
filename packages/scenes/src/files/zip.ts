/**
 * ZIP archives as NumPy writes them (PKWARE APPNOTE 6.3): entries that are stored or deflated, each below 4 GiB. zip64 and
 * encryption are refused with a message that names them. zlib packs and unpacks.
 */
import { promisify } from "node:util";
import { createInflateRaw, deflateRaw } from "node:zlib";
import { DataError } from "../errors.js";
import { crc32 } from "./crc32.js";

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const END_BYTES = 22;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
/** Value in place of a size or an offset that only zip64 can hold. */
const TOO_LARGE = 0xffffffff;
/** Date of all entries: 1 January 1980, the first date of ZIP. So an archive is a function of its content. */
const NO_DATE = 0x00210000;

/** Most bytes that deflate can make of one: its densest code is a run of 258 bytes in two bits. */
const MAX_EXPANSION = 1032;
/** Bytes that are unpacked at once. */
const CHUNK_BYTES = 2 ** 16;
/** Most names in an error message. */
const MAX_NAMES_SHOWN = 10;

type Fail = (reason: string, cause?: unknown) => never;

interface Entry {
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly offset: number;
}

/** The content of an entry, unpacked as it is asked for. */
export interface ZipContent {
  /** Length of the content, bytes. */
  readonly size: number;
  /** All bytes of the content. A damaged entry throws, at the latest behind the last chunk. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** An archive of files. Opening an entry allocates nothing, as a small archive can unpack to more than the memory. */
export class ZipArchive {
  readonly #bytes: Buffer;
  readonly #source: string;
  readonly #entries = new Map<string, Entry>();

  /**
   * Reads the directory of an archive.
   *
   * @param source name of the bytes in error messages
   * @throws {DataError} naming `source`, if they are not an archive, are truncated, hold two files of one name, or need zip64
   */
  constructor(bytes: Uint8Array, source: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#source = source;
    this.#readDirectory();
  }

  /** Names of the entries. */
  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /**
   * Opens an entry. The chunks of its content throw a {@link DataError} naming the archive and the entry if it is damaged.
   *
   * @throws {DataError} naming the archive and the entry, if it does not exist, is truncated, is packed in another way, or
   *   claims more bytes than its packed content can make
   */
  open(name: string): ZipContent {
    const entry = this.#entries.get(name);
    if (!entry) throw new DataError(`${this.#source} has no entry ${name}, only ${listed(this.names)}`);
    const fail: Fail = (reason, cause) => {
      throw new DataError(`${this.#source}: the entry ${name} ${reason}`, { cause });
    };
    const { method, packedSize, size, offset } = entry;
    if (offset + 30 > this.#bytes.length || this.#bytes.readUInt32LE(offset) !== LOCAL_HEADER) {
      fail("is not where the directory says: the file is damaged");
    }
    // Sizes are read from the directory alone: NumPy puts those of the local header into zip64 fields.
    const start = offset + 30 + this.#bytes.readUInt16LE(offset + 26) + this.#bytes.readUInt16LE(offset + 28);
    const packed = this.#bytes.subarray(start, start + packedSize);
    if (packed.length < packedSize) fail("ends beyond the file: it is truncated");
    if (method !== STORED && method !== DEFLATED) {
      fail(`is packed by method ${method}, only stored (0) and deflated (8) can be read`);
    }
    const most = method === STORED ? packedSize : packedSize * MAX_EXPANSION;
    if (size > most) fail(`has ${size} bytes by the directory, but ${packedSize} packed bytes make ${most} at most`);
    return { size, chunks: contentOf(packed, entry, fail) };
  }

  #readDirectory(): void {
    const bytes = this.#bytes;
    const fail: Fail = (reason) => {
      throw new DataError(`${this.#source} is not a readable ZIP archive: ${reason}`);
    };
    const zip64 = (): never => fail("it needs zip64 (4 GiB or more, or too many entries), which is not read");
    let end = bytes.length - END_BYTES;
    // A comment of up to 64 KiB may follow.
    while (end >= 0 && end > bytes.length - END_BYTES - 0x10000 && bytes.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
    if (end < 0 || bytes.readUInt32LE(end) !== END_OF_DIRECTORY) {
      fail(
        bytes.length >= 4 && bytes.readUInt32LE(0) === LOCAL_HEADER
          ? "it has no directory at its end: it is truncated"
          : "it is another kind of file",
      );
    }
    const count = bytes.readUInt16LE(end + 10);
    let at = bytes.readUInt32LE(end + 16);
    if (count === 0xffff || at === TOO_LARGE) zip64();
    for (let i = 0; i < count; i++) {
      if (at + 46 > end || bytes.readUInt32LE(at) !== CENTRAL_HEADER) fail("its directory is damaged");
      const nameLength = bytes.readUInt16LE(at + 28);
      const name = bytes.toString("utf8", at + 46, at + 46 + nameLength);
      const packedSize = bytes.readUInt32LE(at + 20);
      const size = bytes.readUInt32LE(at + 24);
      const offset = bytes.readUInt32LE(at + 42);
      if (packedSize === TOO_LARGE || size === TOO_LARGE || offset === TOO_LARGE) zip64();
      if (bytes.readUInt16LE(at + 8) & ENCRYPTED) fail(`its entry ${name} is encrypted`);
      if (this.#entries.has(name)) fail(`it has two entries ${name}`);
      const method = bytes.readUInt16LE(at + 10);
      this.#entries.set(name, { method, crc: bytes.readUInt32LE(at + 16), packedSize, size, offset });
      at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    }
  }
}

async function* contentOf(packed: Buffer, entry: Entry, fail: Fail): AsyncGenerator<Uint8Array> {
  const { method, size, crc } = entry;
  let found = 0;
  let foundCrc = 0;
  for await (const chunk of method === STORED ? slices(packed) : inflated(packed, fail)) {
    found += chunk.length;
    if (found > size) fail(`has more than the ${size} bytes that the directory says: it is damaged`);
    foundCrc = crc32(chunk, foundCrc);
    yield chunk;
  }
  if (found !== size) fail(`has ${found} bytes, expected ${size}: it is damaged`);
  if (foundCrc !== crc) fail("is damaged: its CRC-32 is not the one written down");
}

function* slices(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

async function* inflated(packed: Buffer, fail: Fail): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
  inflate.end(packed);
  try {
    for await (const chunk of inflate) yield chunk as Buffer;
  } catch (cause) {
    fail(`cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  const left = packed.length - inflate.bytesWritten;
  if (left !== 0) fail(`has ${left} bytes behind the end of its packed content: it is damaged`);
}

/** A list of names for an error message. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES_SHOWN).map((name) => name.slice(0, 100));
  const more = names.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/**
 * Encodes an archive of these files, deflated, as chunks of bytes.
 *
 * @throws {DataError} if the archive would need zip64
 */
export async function zipChunks(files: Readonly<Record<string, Uint8Array>>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(files)) {
    const packed = await promisify(deflateRaw)(data);
    if (data.length >= TOO_LARGE || offset + packed.length >= TOO_LARGE) {
      throw new DataError(`${name} would make the archive larger than 4 GiB, which needs zip64: write fewer images`);
    }
    const encoded = Buffer.from(name);
    // From "version needed" to the lengths of name and extra field: the same in both headers.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(DEFLATED, 4);
    common.writeUInt32LE(NO_DATE, 6);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(encoded.length, 22);
    const local = Buffer.concat([word(LOCAL_HEADER), common, encoded]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(word(CENTRAL_HEADER), Buffer.from([20, 0]), common, rest, encoded);
    chunks.push(local, packed);
    offset += local.length + packed.length;
  }
  const entries = Object.keys(files).length;
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END_OF_DIRECTORY, 0);
  end.writeUInt16LE(entries, 8);
  end.writeUInt16LE(entries, 10);
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    12,
  );
  end.writeUInt32LE(offset, 16);
  return [...chunks, ...directory, end];
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
