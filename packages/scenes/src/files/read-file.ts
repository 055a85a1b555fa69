/**
 * Reads whole files, whose size is checked before any of it is read. A device, a pipe or a socket is refused: it has no
 * size, and may never end.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { DataError, FileError } from "../errors.js";
import { reasonInWords } from "./atomic-file.js";

/** Bytes read in one call. More fails on some systems. */
const SLICE_BYTES = 2 ** 30;
/** Flags that keep `open` from waiting for the writer of a pipe. Windows has neither such pipes nor the flag. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** The limit of a file that is read. */
export interface ReadLimit {
  /** Largest size of the file, bytes. */
  readonly maxBytes: number;
  /** Name of the file in error messages. Default: its path. */
  readonly what?: string;
}

/** A file that is open to be read in parts. */
export interface OpenFile {
  /** Number of its bytes. */
  readonly size: number;
  /**
   * Fills `target` with the bytes from place `at` on.
   *
   * @throws {FileError} if they cannot be read, or the file became shorter
   */
  read(target: Uint8Array, at: number): Promise<void>;
}

/**
 * Opens a file, calls `use` and closes it. What `use` throws is thrown.
 *
 * @throws {FileError} if the file cannot be opened, is no regular file, or has more than `maxBytes` bytes
 */
export async function readInParts<T>(
  path: string,
  { maxBytes, what = path }: ReadLimit,
  use: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const named = (cause: unknown): never => {
    throw new FileError(`Cannot read ${what}: ${reasonInWords(cause)}`, path, { cause });
  };
  const file = await open(path, FLAGS).catch(named);
  try {
    const size = await file
      .stat()
      .then((stats) => checkedSize(stats, maxBytes))
      .catch(named);
    return await use({ size, read: (target, at) => fill(file, target, at).catch(named) });
  } finally {
    await closeQuietly(file);
  }
}

/**
 * Reads a file into memory of its own.
 *
 * @throws {FileError} if the file cannot be read, is no regular file, has more than `maxBytes` bytes, or shrinks meanwhile
 */
export async function readWholeFile(path: string, { maxBytes, what = path }: ReadLimit): Promise<Buffer<ArrayBuffer>> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, FLAGS);
    const bytes = room(await file.stat(), maxBytes);
    await fill(file, bytes, 0);
    return bytes;
  } catch (cause) {
    throw new FileError(`Cannot read ${what}: ${reasonInWords(cause)}`, path, { cause });
  } finally {
    if (file) await closeQuietly(file);
  }
}

/** Reads a file as {@link readWholeFile} does, synchronously. */
export function readWholeFileSync(path: string, { maxBytes, what = path }: ReadLimit): Buffer<ArrayBuffer> {
  let file: number | undefined;
  try {
    file = openSync(path, FLAGS);
    const bytes = room(fstatSync(file), maxBytes);
    for (let at = 0; at < bytes.length; ) {
      at += progress(readSync(file, bytes, at, Math.min(SLICE_BYTES, bytes.length - at), at));
    }
    return bytes;
  } catch (cause) {
    throw new FileError(`Cannot read ${what}: ${reasonInWords(cause)}`, path, { cause });
  } finally {
    if (file !== undefined) closeQuietlySync(file);
  }
}

/** Calls `read` to read `file`. A {@link DataError} that it throws without a file gets `file`. */
export async function readingFile<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof DataError) || cause.file !== undefined) throw cause;
    const { kind, key } = cause;
    throw new DataError(cause.message, { kind, key, file, cause });
  }
}

/** Closes a file that was only read. That it fails takes nothing from what was read, and must not hide what `use` threw. */
async function closeQuietly(file: FileHandle): Promise<void> {
  await file.close().catch(() => {});
}

/** As {@link closeQuietly}. */
function closeQuietlySync(file: number): void {
  try {
    closeSync(file);
  } catch {}
}

/** Fills `target` with the bytes of `file` from place `from` on. */
async function fill(file: FileHandle, target: Uint8Array, from: number): Promise<void> {
  for (let at = 0; at < target.length; ) {
    const { bytesRead } = await file.read(target, at, Math.min(SLICE_BYTES, target.length - at), from + at);
    at += progress(bytesRead);
  }
}

function room(stats: Stats, maxBytes: number): Buffer<ArrayBuffer> {
  return Buffer.alloc(checkedSize(stats, maxBytes));
}

/** The size of a regular file that is not too large. */
function checkedSize(stats: Stats, maxBytes: number): number {
  if (stats.isDirectory()) throw new Error("it is a folder, not a file (EISDIR)");
  if (!stats.isFile()) throw new Error("it is a device, a pipe or a socket, not a file");
  if (stats.size > maxBytes) throw new Error(`it has ${stats.size} bytes, at most ${maxBytes} are read`);
  return stats.size;
}

function progress(bytesRead: number): number {
  if (bytesRead === 0) throw new Error("it became shorter while it was read");
  return bytesRead;
}
