/** Downloads a picture from a server that is not trusted, or reads it from a stream, with limits on its size and on the wait for its next byte. */
import { StallTimer } from "./bounded-download.js";
import { pictureLimits } from "./picture-limits.js";

/** Seconds without a byte after which a download fails. */
const STALL_SECONDS = 30;

/**
 * Downloads a picture.
 *
 * @param address an `http:`, `https:`, `blob:` or `data:` URL
 * @throws {Error} whose message says what is wrong, in words that follow the name of the picture
 * @throws the signal's reason, when aborted
 */
export async function downloadPicture(address: string | URL, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  signal?.throwIfAborted();
  const request = new AbortController();
  const abort = (): void => request.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  const stall = new StallTimer(STALL_SECONDS, () =>
    request.abort(new Error(`no byte came for ${STALL_SECONDS} seconds`)),
  );
  try {
    const response = await fetch(address, { signal: request.signal });
    if (response.status !== 200 || !response.body) {
      throw new Error(`the answer was ${response.status} ${response.statusText}`.trimEnd());
    }
    return await readPictureStream(response.body, () => stall.restart());
  } finally {
    stall.stop();
    signal?.removeEventListener("abort", abort);
    // After a failure, the rest of the answer is not wanted.
    request.abort();
  }
}

/**
 * Reads a stream to its end.
 *
 * @param onBytes called when some have come
 * @throws {Error} if it has more bytes than {@link pictureLimits} allows
 */
export async function readPictureStream(
  stream: ReadableStream<Uint8Array>,
  onBytes: () => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    onBytes();
    size += value.length;
    if (size > pictureLimits.bytes) {
      await reader.cancel();
      throw new Error(`it has more than ${pictureLimits.bytes} bytes`);
    }
    pieces.push(value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
