/** SHA-256 of data of any length. Node's hashes take less than 2 GiB in one call. */
import { createHash } from "node:crypto";

const SLICE_BYTES = 2 ** 30;

/** Hashes the bytes of the arrays one behind the other. Returns 64 hexadecimal digits. */
export function sha256(...parts: readonly ArrayBufferView[]): string {
  const hash = createHash("sha256");
  for (const { buffer, byteOffset, byteLength } of parts) {
    for (let at = 0; at < byteLength; at += SLICE_BYTES) {
      hash.update(new Uint8Array(buffer, byteOffset + at, Math.min(SLICE_BYTES, byteLength - at)));
    }
  }
  return hash.digest("hex");
}
