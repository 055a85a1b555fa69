/**
 * A file of a folder that is not trusted → its bytes: of a regular file alone, within the folder, and no more of them than
 * expected. What else a path can lead to (a pipe, a device, a link to another place) would wait or give bytes for ever.
 */
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { ModelFileError } from "@air-onnx/core";

export interface BoundedRead {
  /** What is wrong with a file of so many bytes, in words that follow its name; `undefined` if nothing is. */
  readonly sizeFault: (size: number) => string | undefined;
  /** What to do about a file that is missing. */
  readonly advice: string;
  readonly signal: AbortSignal | undefined;
}

/** Read at a time; between, the signal is looked at. */
const PIECE = 2 ** 22;

/**
 * Reads the file at `path`, relative to `folder`.
 *
 * @throws {ModelFileError} naming the file that is missing, no regular file, outside of the folder, or of a wrong size; all
 *   of that is known before a byte is read
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
    // Before it is opened, too: to open a device can be enough to make it do something.
    checkRegular(name, await stat(real));
    signal?.throwIfAborted();
    // Not to wait for a pipe's other end, if the file has become one.
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

/** @throws {ModelFileError} saying what it is instead */
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

/** Up to `size` bytes: fewer if the file has become shorter, and no more if it has become longer. */
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
