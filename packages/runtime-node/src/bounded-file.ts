/**
 * Reads a file of a folder that is not trusted. Only a regular file within the folder is read, up to a size limit. Anything
 * else that a path can lead to (a pipe, a device, a link to another place) could block or produce bytes for ever.
 */
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { ModelFileError } from "@air-onnx/core";

/** Options of {@link readBoundedFile}. */
export interface BoundedRead {
  /** Describes what is wrong with a file of `size` bytes, in words that follow its name; `undefined` if nothing is. */
  readonly sizeFault: (size: number) => string | undefined;
  /** What a user can do about a missing file, for the error message. */
  readonly advice: string;
  /** Aborts the read; checked between pieces. */
  readonly signal: AbortSignal | undefined;
}

/** Bytes that are read at a time. */
const PIECE = 2 ** 22;

/**
 * Reads the file at `path`, relative to `folder`.
 *
 * @throws {ModelFileError} naming the file that is missing, not a regular file, outside of the folder, or of a wrong size;
 *   all of that is found out before a byte is read
 * @throws the signal's reason, when aborted
 */
export async function readBoundedFile(folder: string, path: string, options: BoundedRead): Promise<Buffer> {
  const { sizeFault, advice, signal } = options;
  const name = join(folder, path);
  signal?.throwIfAborted();
  let file: FileHandle | undefined;
  try {
    const real = await realpath(name);
    if (!isWithin(await realpath(folder), real)) {
      throw new ModelFileError(`${name} is a link out of the model's folder, to ${real}: put the file itself there`, {
        kind: "location",
        file: name,
      });
    }
    // Checked before opening too: merely opening a device can have an effect.
    checkRegular(name, await stat(real));
    signal?.throwIfAborted();
    // O_NONBLOCK: if the file has been replaced by a pipe, opening must not wait for its other end.
    file = await open(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const status = await file.stat();
    checkRegular(name, status);
    const fault = sizeFault(status.size);
    if (fault !== undefined) throw new ModelFileError(`${name} ${fault}`, { kind: "damaged", file: name });
    return await readAll(file, status.size, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof ModelFileError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const what = code === "ENOENT" || code === "ENOTDIR" ? "is missing" : `cannot be read (${code ?? String(cause)})`;
    throw new ModelFileError(`${name} ${what}: ${advice}`, { kind: "unreadable", file: name, cause });
  } finally {
    await file?.close();
  }
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** @throws {ModelFileError} if it is not a regular file; the message says what it is */
function checkRegular(name: string, status: Stats): void {
  if (status.isFile()) return;
  const kinds: readonly (readonly [boolean, string])[] = [
    [status.isDirectory(), "a folder"],
    [status.isFIFO(), "a named pipe"],
    [status.isSocket(), "a socket"],
    [status.isCharacterDevice() || status.isBlockDevice(), "a device"],
  ];
  const kind = kinds.find(([is]) => is)?.[1] ?? "something else";
  throw new ModelFileError(`${name} is ${kind}, not a file`, { kind: "unreadable", file: name });
}

/** Reads up to `size` bytes: fewer if the file has become shorter, never more if it has become longer. */
async function readAll(file: FileHandle, size: number, signal: AbortSignal | undefined): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(bytes, filled, Math.min(PIECE, size - filled), filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
