/**
 * Downloads one file from a server that is not trusted, with limits on its size and on the wait for its next byte. A server
 * may answer with anything: web pages instead of files, endless bodies, a few kilobytes that unpack to gigabytes, or nothing
 * at all.
 */
import { ModelFileError } from "./errors.js";
import { MANIFEST_FILE } from "./manifest.js";

/** Option of all downloads. */
export interface StallOption {
  /**
   * Seconds without a byte after which the download of a file fails with a `ModelFileError`, 30 by default; with `Infinity`
   * it waits as long as the browser does.
   */
  readonly stallSeconds?: number | undefined;
}

/** Default of `stallSeconds`: longer than the pauses of mobile networks, and about as long as a person waits. */
const DEFAULT_STALL_SECONDS = 30;

/**
 * Checks `stallSeconds` and fills in its default.
 *
 * @throws {RangeError} unless it is above 0
 */
export function requireStallSeconds({ stallSeconds = DEFAULT_STALL_SECONDS }: StallOption): number {
  if (typeof stallSeconds === "number" && stallSeconds > 0) return stallSeconds;
  throw new RangeError(`stallSeconds must be a number above 0, got ${stallSeconds}`);
}

/** Options of {@link downloadBounded}. */
export interface BoundedDownload {
  /** Most bytes of the file, unpacked. */
  readonly limit: number;
  /** Error text for a longer file, in words that follow its name. */
  readonly tooLong: string;
  /** Number of bytes that are expected, if it is known. */
  readonly expected?: number | undefined;
  /** Kind of file that is expected, for the error about a web page in its place. */
  readonly what: string;
  /** Seconds without a byte after which the download fails. */
  readonly stallSeconds: number;
  /** What a user can check where there is no answer, in words that follow a colon. */
  readonly unreachableAdvice: string;
  /** Aborts the download. */
  readonly signal: AbortSignal;
  /** Called with the number of new bytes whenever some have arrived. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Downloads a file within the limits of `options`.
 *
 * @throws {ModelFileError} of kind `unreachable` if there is no answer, or it breaks off or stalls; of kind `unreadable` if the
 *   answer is not the file; of kind `damaged` if it is too long
 * @throws the signal's reason, when aborted
 */
export async function downloadBounded(url: string, options: BoundedDownload): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, stallSeconds } = options;
  signal.throwIfAborted();
  const request = new AbortController();
  const abort = (): void => request.abort(signal.reason);
  signal.addEventListener("abort", abort);
  const stall = new StallTimer(stallSeconds, () => request.abort(new Error("stalled")));
  try {
    const response = await answerTo(url, options, request.signal, stall);
    return await readBody(url, response, options, stall);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    stall.stop();
    signal.removeEventListener("abort", abort);
    // After a failure, the rest of the answer is not wanted.
    request.abort();
  }
}

/**
 * Fetches the file up to the start of its body.
 *
 * @throws {ModelFileError} if there is no answer, or one that is not a file
 */
async function answerTo(
  url: string,
  { unreachableAdvice }: BoundedDownload,
  signal: AbortSignal,
  stall: StallTimer,
): Promise<Response> {
  let response: Response;
  try {
    // Models are kept in a cache of our own; the browser's HTTP cache must not serve an old graph for a new manifest.
    const request = { signal, cache: "no-cache" };
    response = await fetch(url, request);
  } catch (cause) {
    const unreachable = (message: string): ModelFileError =>
      new ModelFileError(message, { kind: "unreachable", file: url, cause });
    if (stall.hasStalled) throw unreachable(`${url} does not answer: ${stall.reason}`);
    throw unreachable(`${url} cannot be fetched (${reasonOf(cause)}): ${unreachableAdvice}`);
  }
  // Other success codes than 200 come without a file or with a part of one. A service worker's answer can be opaque.
  if (response.status === 200 && response.body) return response;
  const { status, statusText, type } = response;
  const answer = type.startsWith("opaque") ? "cannot be read (it is opaque)" : `was ${status} ${statusText}`.trimEnd();
  throw new ModelFileError(
    `${url} cannot be fetched: the answer ${answer}, not a file. A model's folder holds ${MANIFEST_FILE} and the graphs that it names, as written by an export`,
    { kind: "unreadable", file: url },
  );
}

/** Node says no more than "fetch failed", and why in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? `${String(error)}: ${cause.message}` : String(error);
}

/** Bytes of the first buffer, which grows as bytes arrive: a declared length is not trusted. */
const FIRST_ROOM = 2 ** 16;

async function readBody(
  url: string,
  { body }: Response,
  { limit, tooLong, expected, what, onBytes }: BoundedDownload,
  stall: StallTimer,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = body!.getReader();
  let bytes = new Uint8Array(Math.min(limit, FIRST_ROOM));
  let received = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      const came = `after ${received}${expected === undefined ? "" : ` of ${expected}`} bytes`;
      const how = stall.hasStalled ? `stopped coming ${came}: ${stall.reason}` : `broke off ${came}: try again`;
      throw new ModelFileError(`${url} ${how}`, { kind: "unreachable", file: url, cause });
    });
    if (done) break;
    if (value.length === 0) continue;
    stall.restart();
    if (received === 0) checkNotWebPage(url, value, what);
    const total = received + value.length;
    if (total > limit) throw new ModelFileError(`${url} ${tooLong}`, { kind: "damaged", file: url });
    if (total > bytes.length) {
      const longer = new Uint8Array(Math.min(limit, 2 * total));
      longer.set(bytes.subarray(0, received));
      bytes = longer;
    }
    bytes.set(value, received);
    received = total;
    onBytes?.(value.length);
  }
  return received === bytes.length ? bytes : bytes.slice(0, received);
}

/** Detects a web page in place of a file: many servers answer unknown addresses with a start page and status 200. */
function checkNotWebPage(url: string, start: Uint8Array, expected: string): void {
  const text = new TextDecoder().decode(start.subarray(0, 256));
  // Neither JSON nor an ONNX graph begins with "<".
  if (!text.trimStart().startsWith("<")) return;
  throw new ModelFileError(
    `${url} is a web page, not ${expected}: the server answers unknown addresses with its start page. Is the model uploaded, and the URL that of its folder?`,
    { kind: "unreadable", file: url },
  );
}

/** Longest delay of a timer, ms. */
const MAX_DELAY = 2 ** 31 - 1;

/** Calls `onStall` when it has not been restarted for `seconds`. */
export class StallTimer {
  readonly #seconds: number;
  readonly #onStall: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  hasStalled = false;

  constructor(seconds: number, onStall: () => void) {
    this.#seconds = seconds;
    this.#onStall = onStall;
    this.restart();
  }

  get reason(): string {
    return `no byte came for ${this.#seconds} seconds (stallSeconds). Try again`;
  }

  restart(): void {
    this.stop();
    if (this.#seconds === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.hasStalled = true;
        this.#onStall();
      },
      Math.min(1000 * this.#seconds, MAX_DELAY),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
