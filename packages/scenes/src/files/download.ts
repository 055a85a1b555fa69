/**
 * Downloads a file from the first of several mirrors that sends it intact. A transfer that was cut, by the network, by
 * Ctrl-C or by a kill, goes on where it ended: the bytes received so far are kept in `PATH.part`.
 */
import { open, readFile, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DataError, FileError } from "../errors.js";
import type { Reporting } from "../reporting.js";
import { findStaleTemporaries, reasonInWords, temporaryPath } from "./atomic-file.js";

/** The options of {@link download}. */
export interface MirrorDownload<T> extends Reporting {
  /** Addresses of the file at its mirrors, tried in this order. */
  readonly urls: readonly string[];
  /** Path of the intact file. Its folder must exist. */
  readonly path: string;
  /** Turns the received bytes into the result, and throws if they are not the right ones. */
  readonly accept: (bytes: Uint8Array) => Promise<T>;
  /** Time without a byte after which a mirror has failed, milliseconds. Default 30,000. */
  readonly stallTimeout?: number;
}

/** Cut transfers, each after sending something, after which a mirror is given up. */
const MAX_CUTS = 5;
const STALL_TIMEOUT = 30_000;

/**
 * Downloads and checks the file, and only then gives it its name.
 *
 * @throws {DataError} listing each mirror and why it failed
 * @throws {FileError} if the file cannot be written
 * @throws the signal's reason when aborted
 */
export async function download<T>(options: MirrorDownload<T>): Promise<T> {
  const { urls, path, onNotice, signal } = options;
  const partial = `${path}.part`;
  // The growing file has a name of its own: another process that downloads the same file must not write into it.
  const growing = temporaryPath(partial);
  await adoptAbandoned(partial);
  await rename(partial, growing).catch(() => {});
  try {
    const failures: string[] = [];
    for (const url of urls) {
      signal?.throwIfAborted();
      try {
        return await fromMirror(url, growing, options);
      } catch (cause) {
        signal?.throwIfAborted();
        if (cause instanceof FileError) throw cause;
        const failure = `${url}: ${reason(cause)}`;
        failures.push(failure);
        if (failures.length < urls.length) onNotice?.(`${failure}; trying the next mirror`);
      }
    }
    throw new DataError(`${basename(path)} could not be downloaded from any mirror:\n  ${failures.join("\n  ")}`, {
      kind: "download",
      file: path,
    });
  } finally {
    if ((await sizeOf(growing)) > 0) await rename(growing, partial).catch(() => {});
    else await unlink(growing).catch(() => {});
  }
}

async function fromMirror<T>(url: string, growing: string, options: MirrorDownload<T>): Promise<T> {
  const { path, accept, onNotice, signal } = options;
  let inherited = (await sizeOf(growing)) > 0;
  let cuts = 0;
  for (;;) {
    const before = await sizeOf(growing);
    try {
      await receive(url, growing, options);
    } catch (cause) {
      const grew = (await sizeOf(growing)) > before;
      if (signal?.aborted || cause instanceof FileError || !grew || ++cuts === MAX_CUTS) throw cause;
      onNotice?.(`${url} was cut off (${reason(cause)}); going on after ${await sizeOf(growing)} bytes`);
      continue;
    }
    let accepted: T;
    try {
      accepted = await accept(await readFile(growing));
    } catch (cause) {
      await unlink(growing);
      if (!inherited) throw cause;
      // The beginning came from an earlier attempt, perhaps from another mirror, so this mirror may be sound.
      inherited = false;
      onNotice?.(`${url} does not continue what an earlier attempt left; starting over`);
      continue;
    }
    await rename(growing, path).catch((cause: unknown) => failToWrite(path, cause));
    return accepted;
  }
}

/** Appends the rest of `url` to the file at `growing`. */
async function receive<T>(url: string, growing: string, options: MirrorDownload<T>): Promise<void> {
  const { path, onNotice, onProgress, signal, stallTimeout = STALL_TIMEOUT } = options;
  const stall = new AbortController();
  const timer = setTimeout(
    () => stall.abort(new DataError(`it sent nothing for ${stallTimeout / 1000} s`, { kind: "download" })),
    stallTimeout,
  );
  const either = signal ? AbortSignal.any([signal, stall.signal]) : stall.signal;
  const file = await open(growing, "a").catch((cause: unknown) => failToWrite(growing, cause));
  try {
    let received = (await file.stat()).size;
    let response = await request(url, received, either);
    if (received > 0 && !continuesAt(response, received)) {
      onNotice?.(`${url} cannot continue a transfer; starting over`);
      await file.truncate(0);
      received = 0;
      if (response.status !== 200) {
        await response.body?.cancel();
        response = await request(url, 0, either);
      }
    }
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new DataError(`HTTP ${response.status} ${response.statusText}`.trimEnd(), { kind: "download" });
    }
    const length = response.headers.get("content-length");
    const totalBytes = length === null ? undefined : received + Number(length);
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      timer.refresh();
      await file.writeFile(chunk).catch((cause: unknown) => failToWrite(growing, cause));
      received += chunk.length;
      onProgress?.({ phase: "download", file: basename(path), receivedBytes: received, totalBytes });
    }
    if (totalBytes !== undefined && received !== totalBytes) {
      throw new DataError(`it ended after ${received} of ${totalBytes} bytes`, { kind: "download" });
    }
  } finally {
    clearTimeout(timer);
    await file.close();
  }
}

function request(url: string, offset: number, signal: AbortSignal): Promise<Response> {
  // A packed transfer would have other offsets and lengths than the file.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (offset > 0) headers.range = `bytes=${offset}-`;
  return fetch(url, { headers, signal });
}

/** Tells whether the server sends exactly the bytes from `offset` on (RFC 9110, section 14.4). */
function continuesAt(response: Response, offset: number): boolean {
  const range = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  return response.status === 206 && Number(range?.[1]) === offset;
}

/** Keeps what a killed process had received: it becomes the partial file if it is longer than the one that is there. */
async function adoptAbandoned(partial: string): Promise<void> {
  const folder = dirname(partial);
  for (const { name, of } of await findStaleTemporaries(folder)) {
    if (of !== basename(partial)) continue;
    const abandoned = join(folder, name);
    const larger = (await sizeOf(abandoned)) > (await sizeOf(partial));
    await (larger ? rename(abandoned, partial) : unlink(abandoned)).catch(() => {});
  }
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function failToWrite(path: string, cause: unknown): never {
  throw new FileError(`Cannot write ${path}: ${reasonInWords(cause)}`, path, { cause });
}

/** Describes a failed transfer. `fetch` says only "fetch failed" or "terminated"; the reason is in the error's cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(error instanceof TypeError) || !(cause instanceof Error)) return error.message;
  const detail = cause.message || ("code" in cause ? String(cause.code) : cause.name);
  return `${error.message}: ${detail}`;
}
