/** What a kill leaves of a folder that was being made or written into, and how it is told from what is a user's own. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  FileError,
  findStaleTemporaries,
  OutputFolderError,
  reasonInWords,
  removeStaleTemporaries,
} from "@air-onnx/scenes";
import { isLockName, type OnNotice } from "./lock.js";

/** What is in a folder before it has the file that makes it a run or a sweep. */
export interface HalfMade {
  /** The lock's name. */
  readonly lock: string;
  /** Names of the files whose temporaries a kill can have left. */
  readonly files: readonly string[];
  /** Paths of folders in it. With anything in them they are somebody's own. */
  readonly emptyFolders: readonly string[];
}

/**
 * The names in the folder `path` of all that no killed making of it left.
 *
 * @throws {FileError} if it cannot be listed
 */
export async function whatElseIsIn(path: string, { lock, files, emptyFolders }: HalfMade): Promise<string[]> {
  const left = new Set<string>();
  for (const { name, of } of await findStaleTemporaries(path)) {
    if (isLockName(of, lock) || files.includes(of)) left.add(name);
  }
  for (const folder of emptyFolders) {
    // A file in its place, or none, cannot be listed.
    if ((await readdir(folder).catch(() => undefined))?.length === 0) left.add(basename(folder));
  }
  const isOwn = (name: string): boolean => !left.has(name) && !isLockName(name, lock) && !isLockTemporary(name, lock);
  try {
    return (await readdir(path)).filter(isOwn);
  } catch (cause) {
    throw new FileError(`Cannot list ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
}

/** Also that of a running process, which is trying to take the lock just now. */
function isLockTemporary(name: string, lock: string): boolean {
  return name.startsWith(`.${lock}.`) && name.endsWith(".tmp");
}

/**
 * Refuses a folder for a new run or sweep if anything else is in it.
 *
 * @param marker name of the file that makes a folder a run or a sweep
 * @param found names of what is in the folder, see {@link whatElseIsIn}
 * @throws {OutputFolderError} if `found` is not empty
 */
export function refuseIfOccupied(
  path: string,
  holds: "run" | "sweep",
  { marker, found }: { readonly marker: string; readonly found: readonly string[] },
): void {
  const kind = "occupied";
  if (found.includes(marker)) {
    const message = `${path} holds a ${holds} already: resume it, or choose another folder`;
    throw new OutputFolderError(message, path, { kind, holds });
  }
  if (found.length > 0) {
    const message = `${path} is not empty and not a ${holds} (it holds ${found[0]}): choose another folder`;
    throw new OutputFolderError(message, path, { kind });
  }
}

/** Deletes what killed processes left half-written in `folders`, and says so. */
export async function removeLeftTemporaries(folders: readonly string[], onNotice: OnNotice): Promise<void> {
  for (const folder of folders) {
    for (const name of await removeStaleTemporaries(folder)) {
      onNotice(`Deleted a half-written file: ${join(folder, name)}`);
    }
  }
}
