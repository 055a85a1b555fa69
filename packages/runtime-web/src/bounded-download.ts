/**
 * One file of a server that is not trusted → its bytes: no more of them than expected, and not waited for without end. A
 * server may answer with anything: pages instead of files, bodies without end, a few kilobytes that unpack to gigabytes,
 * or nothing at all.
 */
import { MANIFEST_FILE, ModelFileError } from "@air-onnx/core";

export interface BoundedDownload {
  /** Most bytes of the file, unpacked. */
  readonly limit: number;
  /** What a file with more of them is, in words that follow its name. */
  readonly tooLong: string;
  /** How many bytes are expected, if that is known. */
  readonly expected?: number | undefined;
  /** What the file should be, for an error that says that it is a web page. */
  readonly what: string;
  /** Seconds without a byte after which a download is given up. */
  readonly stallSeconds: number;
  readonly signal: AbortSignal;
  /** Told of every so many bytes more. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * @throws {ModelFileError} `unreachable` if there is no answer, or it breaks off or stops coming: there may be no network
 * @throws {ModelFileError} if the answer is not the file, or is too long
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
    const response = await answerTo(url, request.signal, stall);
    return await readBody(url, response, options, stall);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    stall.stop();
    signal.removeEventListener("abort", abort);
    // Ends what is still coming, if this failed.
    request.abort();
  }
}

/** @throws {ModelFileError} if there is no answer, or it is not a file */
async function answerTo(url: string, signal: AbortSignal, stall: StallTimer): Promise<Response> {
  let response: Response;
  try {
    // Our own cache keeps the graphs; the browser's must not serve an old one to a new manifest.
    response = await fetch(url, { signal, cache: "no-cache" });
  } catch (cause) {
    const unreachable = (message: string): ModelFileError =>
      new ModelFileError(message, { kind: "unreachable", file: url, cause });
    if (stall.hasStalled) throw unreachable(`${url} does not answer: ${stall.reason}`);
    throw unreachable(
      `${url} cannot be fetched (${String(cause)}): no network, a wrong address, or a server of another origin that does not allow this one (CORS)`,
    );
  }
  // Another success than 200 brings no file, or a part of one; a service worker's answer may hide what it is.
  if (response.status === 200 && response.body) return response;
  const { status, statusText, type } = response;
  const answer = type.startsWith("opaque") ? "cannot be read (it is opaque)" : `was ${status} ${statusText}`.trimEnd();
  throw new ModelFileError(
    `${url} cannot be fetched: the answer ${answer}, not a file. A model's folder holds ${MANIFEST_FILE} and the graphs that it names, as written by an export`,
    { kind: "unreadable", file: url },
  );
}

/** Bytes to make room for at first: what is declared is believed as it comes. */
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

/** Many servers answer an unknown address with the start page of an application, and 200. */
function checkNotWebPage(url: string, start: Uint8Array, expected: string): void {
  const text = new TextDecoder().decode(start.subarray(0, 256));
  // Neither JSON nor an ONNX graph begins so.
  if (!text.trimStart().startsWith("<")) return;
  throw new ModelFileError(
    `${url} is a web page, not ${expected}: the server answers unknown addresses with its start page. Is the model uploaded, and the URL that of its folder?`,
    { kind: "unreadable", file: url },
  );
}

/** The longest that timers can wait. */
const MAX_DELAY = 2 ** 31 - 1;

/** Calls once when nothing came for so long. */
class StallTimer {
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
