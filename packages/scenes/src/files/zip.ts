/**
 * ZIP archives as NumPy writes them (PKWARE APPNOTE 6.3): entries that are stored or deflated, also beyond 4 GiB by zip64.
 * Encryption is refused with a message that names it. zlib packs and unpacks.
 */
import { pipeline, Readable } from "node:stream";
import { promisify } from "node:util";
import { createInflateRaw, deflateRaw } from "node:zlib";
import { DataError, FileError } from "../errors.js";
import { crc32 } from "./crc32.js";
import type { OpenFile } from "./read-file.js";

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const ZIP64_LOCATOR = 0x07064b50;
const ZIP64_END = 0x06064b50;
/** Kind of the extra field that has the sizes of zip64. */
const ZIP64_FIELD = 1;
const LOCAL_BYTES = 30;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const ZIP64_END_BYTES = 56;
/** Most bytes of a directory: a million entries. Archives of NumPy have a few. */
const MAX_DIRECTORY_BYTES = 2 ** 26;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
/** Value in place of a size or an offset that only zip64 can hold. */
const TOO_LARGE = 0xffffffff;
/** Date of all entries: 1 January 1980, the first date of ZIP. So an archive is a function of its content. */
const NO_DATE = 0x00210000;

/** Most bytes that deflate can make of one: its densest code is a run of 258 bytes in two bits. */
const MAX_EXPANSION = 1032;
/** Bytes that are read or unpacked at once. */
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

/**
 * An archive of files, of any size: of the archive only the directory and a few pieces are in memory. Opening an entry allocates
 * nothing, as a small archive can unpack to more than the memory.
 */
export class ZipArchive {
  readonly #file: OpenFile;
  readonly #source: string;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(file: OpenFile, source: string, entries: ReadonlyMap<string, Entry>) {
    this.#file = file;
    this.#source = source;
    this.#entries = entries;
  }

  /**
   * Reads the directory of an archive.
   *
   * @param file the archive, which must stay open while entries are read
   * @param source name of the archive in error messages
   * @throws {DataError} naming `source`, if it is not an archive, is truncated, or holds two files of one name
   * @throws {FileError} if it cannot be read
   */
  static async read(file: OpenFile, source: string): Promise<ZipArchive> {
    const fail: Fail = (reason) => {
      throw new DataError(`${source} is not a readable ZIP archive: ${reason}`);
    };
    return new ZipArchive(file, source, await readDirectory(file, fail));
  }

  /** Number of bytes of the archive. */
  get size(): number {
    return this.#file.size;
  }

  /** Names of the entries. */
  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /**
   * Opens an entry. The chunks of its content throw a {@link DataError} naming the archive and the entry if it is damaged or
   * truncated.
   *
   * @throws {DataError} naming the archive and the entry, if it does not exist, is packed in another way, or claims more bytes
   *   than its packed content can make
   */
  open(name: string): ZipContent {
    const entry = this.#entries.get(name);
    if (!entry) throw new DataError(`${this.#source} has no entry ${name}, only ${listed(this.names)}`);
    const fail: Fail = (reason, cause) => {
      throw new DataError(`${this.#source}: the entry ${name} ${reason}`, { cause });
    };
    const { method, packedSize, size } = entry;
    if (method !== STORED && method !== DEFLATED) {
      fail(`is packed by method ${method}, only stored (0) and deflated (8) can be read`);
    }
    const most = method === STORED ? packedSize : packedSize * MAX_EXPANSION;
    if (size > most) fail(`has ${size} bytes by the directory, but ${packedSize} packed bytes make ${most} at most`);
    return { size, chunks: contentOf(this.#file, entry, fail) };
  }
}

/** Reads the entries by name. */
async function readDirectory(file: OpenFile, fail: Fail): Promise<Map<string, Entry>> {
  const { at: start, end, count } = await findDirectory(file, fail);
  const length = end - start;
  if (!(length >= 0) || length > MAX_DIRECTORY_BYTES) fail("its directory is damaged");
  const bytes = Buffer.alloc(length);
  await file.read(bytes, start);
  const entries = new Map<string, Entry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > length || bytes.readUInt32LE(at) !== CENTRAL_HEADER) fail("its directory is damaged");
    const nameEnd = at + 46 + bytes.readUInt16LE(at + 28);
    const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
    const name = bytes.toString("utf8", at + 46, nameEnd);
    const sizes = {
      size: bytes.readUInt32LE(at + 24),
      packedSize: bytes.readUInt32LE(at + 20),
      offset: bytes.readUInt32LE(at + 42),
    };
    if (bytes.readUInt16LE(at + 8) & ENCRYPTED) fail(`its entry ${name} is encrypted`);
    if (entries.has(name)) fail(`it has two entries ${name}`);
    const large = largeSizes(sizes, bytes.subarray(nameEnd, extraEnd), () => fail("its directory is damaged (zip64)"));
    entries.set(name, { method: bytes.readUInt16LE(at + 10), crc: bytes.readUInt32LE(at + 16), ...large });
    at = extraEnd + bytes.readUInt16LE(at + 32);
  }
  return entries;
}

/** Finds the directory: where it begins and ends, and how many entries it has. */
async function findDirectory(
  file: OpenFile,
  fail: Fail,
): Promise<{ readonly at: number; readonly end: number; readonly count: number }> {
  // A comment of up to 64 KiB may follow the end record, and zip64's locator is before it.
  const tail = Buffer.alloc(Math.min(file.size, END_BYTES + 0xffff + LOCATOR_BYTES));
  const tailStart = file.size - tail.length;
  await file.read(tail, tailStart);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  if (end < 0) {
    const first = Buffer.alloc(Math.min(4, file.size));
    await file.read(first, 0);
    fail(
      first.length === 4 && first.readUInt32LE(0) === LOCAL_HEADER
        ? "it has no directory at its end: it is truncated"
        : "it is another kind of file",
    );
  }
  const count = tail.readUInt16LE(end + 10);
  const at = tail.readUInt32LE(end + 16);
  const locator = end - LOCATOR_BYTES;
  if (locator < 0 || tail.readUInt32LE(locator) !== ZIP64_LOCATOR) return { at, end: tailStart + end, count };
  const large = Buffer.alloc(ZIP64_END_BYTES);
  const largeAt = Number(tail.readBigUInt64LE(locator + 8));
  if (largeAt + large.length > file.size) fail("its directory is damaged (zip64)");
  await file.read(large, largeAt);
  if (large.readUInt32LE(0) !== ZIP64_END) fail("its directory is damaged (zip64)");
  return { at: Number(large.readBigUInt64LE(48)), end: largeAt, count: Number(large.readBigUInt64LE(32)) };
}

type Sizes = Pick<Entry, "size" | "packedSize" | "offset">;

/** Replaces sizes that do not fit into 32 bits by those of the extra field of zip64 (APPNOTE 4.5.3), which has no others. */
function largeSizes(sizes: Sizes, extra: Buffer, damaged: () => never): Sizes {
  const large = { ...sizes };
  const missing = (["size", "packedSize", "offset"] as const).filter((key) => sizes[key] === TOO_LARGE);
  if (missing.length === 0) return sizes;
  let at = 0;
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== ZIP64_FIELD) at += 4 + extra.readUInt16LE(at + 2);
  if (at + 4 + 8 * missing.length > extra.length) damaged();
  missing.forEach((key, i) => {
    large[key] = Number(extra.readBigUInt64LE(at + 4 + 8 * i));
  });
  return large;
}

async function* contentOf(file: OpenFile, entry: Entry, fail: Fail): AsyncGenerator<Uint8Array> {
  const { method, size, packedSize, offset, crc } = entry;
  const head = Buffer.alloc(LOCAL_BYTES);
  if (offset + head.length <= file.size) await file.read(head, offset);
  if (head.readUInt32LE(0) !== LOCAL_HEADER) fail("is not where the directory says: the file is damaged");
  // Sizes are read from the directory alone: NumPy puts those of the local header into zip64 fields.
  const start = offset + LOCAL_BYTES + head.readUInt16LE(26) + head.readUInt16LE(28);
  if (start + packedSize > file.size) fail("ends beyond the file: it is truncated");
  const packed = pieces(file, start, packedSize);
  let found = 0;
  let foundCrc = 0;
  for await (const chunk of method === STORED ? packed : inflated(packed, packedSize, fail)) {
    found += chunk.length;
    if (found > size) fail(`has more than the ${size} bytes that the directory says: it is damaged`);
    foundCrc = crc32(chunk, foundCrc);
    yield chunk;
  }
  if (found !== size) fail(`has ${found} bytes, expected ${size}: it is damaged`);
  if (foundCrc !== crc) fail("is damaged: its CRC-32 is not the one written down");
}

/** Reads `length` bytes of a file from place `start` on, a few at a time. */
async function* pieces(file: OpenFile, start: number, length: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length; done += CHUNK_BYTES) {
    const piece = new Uint8Array(Math.min(CHUNK_BYTES, length - done));
    await file.read(piece, start + done);
    yield piece;
  }
}

async function* inflated(
  packed: AsyncGenerator<Uint8Array>,
  packedSize: number,
  fail: Fail,
): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
  const source = Readable.from(packed);
  // Its errors end `inflate`, where they are caught.
  pipeline(source, inflate, () => {});
  try {
    for await (const chunk of inflate) yield chunk as Buffer;
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    fail(`cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  } finally {
    source.destroy();
  }
  const left = packedSize - inflate.bytesWritten;
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
