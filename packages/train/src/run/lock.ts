/**
 * A lock file that lets one process at a time write into a folder. It names its holder, so that what a killed process
 * left behind is recognised and taken over.
 */
import { closeSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { FileError, reasonInWords } from "@air-onnx/scenes";

/** Is told about everything that was repaired on the way, in a sentence for the user. */
export type OnNotice = (line: string) => void;

/** A held lock. It is freed by `release` or at the end of a `using` block; by an exit alone, only at the next taking. */
export interface FileLock extends Disposable {
  release(): void;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process with this id began, where the system says so: ids are used again, above all in containers. */
  readonly processStart: string | null;
}

/**
 * Takes the lock at `path`, also from a process of this machine that no longer runs.
 *
 * @throws {FileError} if another process holds it, or may hold it, or the file cannot be written.
 */
export function takeLock(path: string, onNotice: OnNotice): FileLock {
  const own = JSON.stringify({ pid: process.pid, host: hostname(), processStart: processStart(process.pid) });
  if (!createExclusively(path, own)) {
    try {
      takeOver(path, own, onNotice);
    } catch (cause) {
      if (cause instanceof FileError) throw cause;
      // Another process freed or took it between two looks at it.
      throw new FileError(`Cannot take ${path}: ${reasonInWords(cause)}. Try again.`, path, { kind: "locked", cause });
    }
  }
  const release = (): void => {
    try {
      if (readFileSync(path, "utf8") === own) unlinkSync(path);
    } catch {
      // The folder may be gone by now: then the lock is, too.
    }
  };
  return { release, [Symbol.dispose]: release };
}

/** Replaces the lock of a process that no longer runs by `own`. */
function takeOver(path: string, own: string, onNotice: OnNotice): void {
  const found = readFileSync(path, "utf8");
  const holder = parseHolder(found);
  if (holder === undefined) {
    throw new FileError(`${path} is not a lock of this program. If nothing trains here, delete it.`, path, {
      kind: "content",
    });
  }
  const name = `process ${holder.pid} on ${holder.host}`;
  if (holder.host !== hostname()) {
    throw new FileError(`${path} is held by ${name}. If that no longer trains here, delete the file.`, path, {
      kind: "locked",
    });
  }
  if (isRunning(holder)) {
    throw new FileError(`${path} is held by ${name}, which is training into this folder. Stop it first.`, path, {
      kind: "locked",
    });
  }
  // Moved away before it is deleted: of two processes that both saw the stale lock, one moves it.
  const stale = `${path}.stale-${process.pid}`;
  renameSync(path, stale);
  const isSame = readFileSync(stale, "utf8") === found;
  if (isSame) unlinkSync(stale);
  else renameSync(stale, path);
  if (!isSame || !createExclusively(path, own)) {
    throw new FileError(`${path} was taken by another process just now.`, path, { kind: "locked" });
  }
  onNotice(`Took over the lock of ${name}, which ended without freeing it: ${path}`);
}

/** False if the file exists. */
function createExclusively(path: string, text: string): boolean {
  let isMade = false;
  try {
    const file = openSync(path, "wx");
    isMade = true;
    try {
      writeFileSync(file, text);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return false;
    // A full disk has room for the name but not for the holder: nobody could take such a lock over.
    if (isMade) unlinkSync(path);
    throw new FileError(`Cannot write ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null;
    if (typeof holder?.pid !== "number" || typeof holder.host !== "string") return undefined;
    return { pid: holder.pid, host: holder.host, processStart: holder.processStart ?? null };
  } catch {
    return undefined;
  }
}

function isRunning({ pid, processStart: start }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // EPERM: it runs, as another user.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
  const now = processStart(pid);
  return start === null || now === null || start === now;
}

/** Ticks from the machine's start to the process's, on Linux (proc(5), field 22 of stat); elsewhere null. */
function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 2, the command's name, is in parentheses and may hold spaces: count from behind it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
