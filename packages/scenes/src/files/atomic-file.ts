/**
 * Writes files whole or not at all: data is written under a temporary name in the target's folder, flushed to the disk, and
 * only then renamed, so that no reader and no crash ever meets half a file.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { FileError } from "../errors.js";

/**
 * Replaces the file at `path` by `data` (a string as UTF-8). Chunks are written one after the other: the next is asked for
 * when the one before it is written, and may then be in the same memory. The folder must exist.
 *
 * @throws {FileError} naming `path` and the reason; the old file, if any, is then untouched and the temporary is gone.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array | Iterable<Uint8Array>): Promise<void> {
  const temporary = temporaryPath(path);
  const chunks = typeof data === "string" || data instanceof Uint8Array ? [data] : data;
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, "wx");
    for (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, path);
  } catch (cause) {
    await file?.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    throw new FileError(`Cannot write ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
  await syncFolder(dirname(path));
}

/** Makes a new temporary name, in the folder of `path`, for a file that will be renamed to `path` when it is whole. */
export function temporaryPath(path: string): string {
  const random = randomBytes(6).toString("hex");
  return join(dirname(path), `.${basename(path)}.${HOST}~${process.pid}~${random}.tmp`);
}

/**
 * Finds the temporary files that killed processes left in `folder`, each with the name `of` the file it was to become.
 * Temporary files of running processes are not among them. A folder that does not exist or cannot be listed has none.
 */
export async function findStaleTemporaries(folder: string): Promise<{ readonly name: string; readonly of: string }[]> {
  const stale: { name: string; of: string }[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const match = TEMPORARY.exec(name);
    if (match && (await isStale(join(folder, name), match[2]!, Number(match[3])))) stale.push({ name, of: match[1]! });
  }
  return stale;
}

/**
 * Deletes the temporaries that killed processes left in `folder`, and returns their names.
 *
 * @param of only those that were to become this file or folder. Without it files alone are deleted: what a folder holds is for
 * its own writer to judge.
 */
export async function removeStaleTemporaries(folder: string, of?: string): Promise<string[]> {
  const removed: string[] = [];
  for (const temporary of await findStaleTemporaries(folder)) {
    if (of !== undefined && temporary.of !== of) continue;
    const { name } = temporary;
    const path = join(folder, name);
    const gone = await (of === undefined ? unlink(path) : rm(path, { recursive: true, force: true })).then(
      () => true,
      () => false,
    );
    if (gone) removed.push(name);
  }
  return removed;
}

/** Describes why a file operation failed: the error code in words, followed by the code; other errors by their message. */
export function reasonInWords(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const words = REASONS[code];
  if (words !== undefined) return `${words} (${code})`;
  return cause instanceof Error ? cause.message : String(cause);
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "the operation is not permitted",
  ENOENT: "the file or its folder does not exist",
  ENOSPC: "no space is left on the device",
  EDQUOT: "the disk quota is used up",
  EIO: "the device reports an error",
  EROFS: "the file system is read-only",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder, not a file",
  EEXIST: "it exists already",
  ENAMETOOLONG: "the name is too long",
};

/** Temporary names, `.NAME.HOST~PID~RANDOM.tmp`. Host and process id tell whether the writer can still be running. */
const TEMPORARY = /^\.(.+)\.([0-9A-Za-z-]*)~(\d+)~[0-9a-f]{12}\.tmp$/;
const HOST = hostname().replace(/[^0-9A-Za-z-]/g, "-");
/** Age past which a temporary file is stale whoever wrote it: no single file takes so long to write. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

async function isStale(path: string, host: string, pid: number): Promise<boolean> {
  const modified = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
  if (modified === undefined) return false;
  if (Date.now() - modified > ABANDONED_MS) return true;
  if (host !== HOST) return false;
  // Containers reuse process ids: a file older than this process is not its own, whatever the number says.
  if (pid === process.pid) return modified < Date.now() - process.uptime() * 1000;
  return !isRunning(pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: the process runs, as another user.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}

/** Makes the rename survive a power cut. Some systems cannot open or flush a folder; they are left alone. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close().catch(() => {});
}
