/**
 * A lock file that lets one process at a time write into a folder. It names its holder, so that what a killed process
 * left behind is recognised and taken over.
 *
 * The file appears and changes only as a whole, by a link or a rename. The lock of a dead process is replaced only by who
 * holds a second lock, `lock.takeover`, and looks again after taking it: so of many that saw the dead one, one wins. That
 * second lock is taken by the same rule, so one that a killed process left is no obstacle either.
 */
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { FileError, reasonInWords, temporaryPath } from "@air-onnx/scenes";

/** Is told about everything that was repaired on the way, in a sentence for the user. */
export type OnNotice = (line: string) => void;

/** A held lock. It is freed by `release` or at the end of a `using` block; by an exit alone, only at the next taking. */
export interface FileLock extends Disposable {
  /** Frees the lock. */
  release(): void;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process with this id began, where the system says so: ids are used again, above all in containers. */
  readonly processStart: string | null;
}

/** Looks at a lock that others free and take meanwhile. */
const TRIES = 10;

/**
 * Takes the lock at `path`, also from a process of this machine that no longer runs.
 *
 * @throws {FileError} if another process holds it, or may hold it, or the file cannot be written.
 */
export function takeLock(path: string, onNotice: OnNotice): FileLock {
  // The nonce tells two locks of one process apart.
  const own = JSON.stringify({
    pid: process.pid,
    host: hostname(),
    processStart: processStart(process.pid),
    nonce: randomBytes(8).toString("hex"),
  });
  take(path, own, onNotice);
  const release = (): void => {
    try {
      if (readFileSync(path, "utf8") === own) unlinkSync(path);
    } catch (cause) {
      // The folder may be gone by now: then the lock is, too. Else this process, which goes on, must not keep itself out.
      if (codeOf(cause) !== "ENOENT") unfreed.add(own);
    }
  };
  return { release, [Symbol.dispose]: release };
}

/**
 * Deletes a lock that a process of another machine left, for callers who know that it no longer runs, as a scheduler does that
 * ended it. Locks of this machine are looked at by {@link takeLock}.
 *
 * @throws {FileError} if it cannot be read
 */
export function dropLockOfOtherMachine(path: string, onNotice: OnNotice): void {
  const holder = parseHolder(readIfThere(path) ?? "");
  if (holder === undefined || holder.host === hostname()) return;
  unlinkIfThere(path);
  onNotice(
    `Deleted the lock of process ${holder.pid} on ${holder.host}, which was ended before this one began: ${path}`,
  );
}

/** Whether `name` is that of a lock, or of what a kill leaves while one is taken over. */
export function isLockName(name: string, lockName: string): boolean {
  return name === lockName || name.startsWith(`${lockName}${TAKEOVER}`);
}

const TAKEOVER = ".takeover";

/** What is in locks that this process does not hold any more, and could not delete. */
const unfreed = new Set<string>();

function take(path: string, own: string, onNotice: OnNotice): void {
  for (let tries = 0; tries < TRIES; tries++) {
    if (createExclusively(path, own)) return;
    const found = readIfThere(path);
    if (found === undefined) continue;
    const name = refuseIfHeld(path, found);
    using _ = takeLock(path + TAKEOVER, onNotice);
    // Only the holder of the second lock replaces the lock of a dead process, so this look stays true until the rename.
    if (readIfThere(path) !== found) continue;
    replace(path, own);
    onNotice(`Took over the lock of ${name}, which ended without freeing it: ${path}`);
    return;
  }
  throw new FileError(`Cannot take ${path}: other processes take and free it all the time. Try again.`, path, {
    kind: "locked",
  });
}

/** Who held the lock, in words. @throws {FileError} unless it is a process of this machine that no longer runs. */
function refuseIfHeld(path: string, found: string): string {
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
  if (!unfreed.has(found) && isRunning(holder)) {
    throw new FileError(`${path} is held by ${name}, which is training into this folder. Stop it first.`, path, {
      kind: "locked",
    });
  }
  return name;
}

/** False if the file exists. */
function createExclusively(path: string, text: string): boolean {
  const temporary = temporaryPath(path);
  try {
    try {
      writeFileSync(temporary, text, { flag: "wx" });
      linkSync(temporary, path);
      return true;
    } finally {
      unlinkIfThere(temporary);
    }
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "EEXIST") return false;
    if (NO_LINKS.has(code)) return createWithoutLink(path, text);
    throw cannotWrite(path, cause);
  }
}

/** What file systems without hard links answer to a link. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** As {@link createExclusively} where there are no links: a kill in it can leave an empty file, which must be deleted by hand. */
function createWithoutLink(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "wx" });
    return true;
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") return false;
    // A full disk has room for the name but not for the holder: nobody could take such a lock over.
    unlinkIfThere(path);
    throw cannotWrite(path, cause);
  }
}

function replace(path: string, text: string): void {
  const temporary = temporaryPath(path);
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    renameSync(temporary, path);
  } catch (cause) {
    unlinkIfThere(temporary);
    throw cannotWrite(path, cause);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw new FileError(`Cannot read ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
}

/** What is left of a lock's making is in nobody's way, and deleted with the other temporaries. */
function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {}
}

function cannotWrite(path: string, cause: unknown): FileError {
  return new FileError(`Cannot write ${path}: ${reasonInWords(cause)}`, path, { cause });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
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
    return codeOf(cause) === "EPERM";
  }
  const [state, now] = processStat(pid);
  // A zombie has ended, but its parent, such as a container's first process, has not asked how.
  if (state === "Z") return false;
  return start === null || now === null || start === now;
}

/** Ticks from the machine's start to the process's, where the system says so; elsewhere null. */
function processStart(pid: number): string | null {
  return processStat(pid)[1];
}

/** The state and the start of a process on Linux: proc(5), fields 3 and 22 of stat. */
function processStat(pid: number): readonly [state: string | null, start: string | null] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 2, the command's name, is in parentheses and may hold spaces: count from behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [fields[0] ?? null, fields[19] ?? null];
  } catch {
    return [null, null];
  }
}
