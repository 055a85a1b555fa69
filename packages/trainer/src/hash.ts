/** SHA-256 where the platform has it: Node.js and secure pages. */

/** Whether hashes can be computed here: in a page they need a secure context, https or localhost. */
export function canHash(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

/** SHA-256 of `bytes`, lower-case hexadecimal. Ask {@link canHash} first. */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
