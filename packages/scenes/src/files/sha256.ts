/** SHA-256 of data of any length. Node's hashes take less than 2 GiB in one call. */
import { createHash } from "node:crypto";

const SLICE_BYTES = 2 ** 30;

/** The hash of data that come one part after the other. */
export class Sha256 {
  readonly #hash = createHash("sha256");

  /** Adds the bytes of `part`. */
  add({ buffer, byteOffset, byteLength }: ArrayBufferView): void {
    for (let at = 0; at < byteLength; at += SLICE_BYTES) {
      this.#hash.update(new Uint8Array(buffer, byteOffset + at, Math.min(SLICE_BYTES, byteLength - at)));
    }
  }

  /** Ends the data. Returns 64 hexadecimal digits. */
  hex(): string {
    return this.#hash.digest("hex");
  }
}
