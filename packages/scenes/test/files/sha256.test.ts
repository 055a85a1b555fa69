import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { Sha256 } from "../../src/files/sha256.js";

function sha256(...parts: readonly ArrayBufferView[]): string {
  const hash = new Sha256();
  for (const part of parts) hash.add(part);
  return hash.hex();
}

it("hashes the bytes of its parts, one behind the other", () => {
  const floats = Float32Array.of(1, 2, 3).subarray(1);
  const bytes = Buffer.concat([Buffer.from("ab"), Buffer.from(floats.buffer, 4, 8)]);
  expect(sha256(Buffer.from("ab"), floats)).toBe(createHash("sha256").update(bytes).digest("hex"));
  expect(sha256()).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

it("hashes more than 2 GiB", () => {
  // The hash is from sha256sum of coreutils.
  const expected = "68bdfcb656af3067b8110b5cc839b4e12b180ef11e86011b8df4a709fe2c2f67";
  expect(sha256(new Uint8Array(2 ** 31 + 5))).toBe(expected);
});
