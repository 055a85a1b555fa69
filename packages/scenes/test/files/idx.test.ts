import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError } from "../../src/errors.js";
import { MAX_IDX_BYTES, parseIdx, unpackGzip } from "../../src/files/idx.js";

const SOURCE = "digits.idx";

describe("parseIdx", () => {
  it("reads shape and data", () => {
    const bytes = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255);
    expect(parseIdx(bytes, SOURCE)).toEqual({ shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 255) });
  });

  it("reads bytes that begin inside their buffer", () => {
    const buffer = Uint8Array.of(9, 9, 9, 0, 0, 8, 1, 0, 0, 0, 1, 7);
    expect(parseIdx(buffer.subarray(3), SOURCE)).toEqual({ shape: [1], data: Uint8Array.of(7) });
  });

  it("reads an empty array", () => {
    expect(parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 0), SOURCE)).toEqual({ shape: [0], data: new Uint8Array(0) });
  });

  it.each<[string, number[], RegExp]>([
    ["no bytes", [], /has 0 bytes/],
    ["three bytes", [0, 0, 8], /has 3 bytes/],
    ["a foreign magic number", [0x89, 0x50, 0x4e, 0x47], /magic number is 0x89504e47, expected 0x000008/],
    ["an unknown type", [0, 0, 0x0a, 1, 0, 0, 0, 0], /magic number is 0x00000a01/],
    ["no dimensions", [0, 0, 8, 0], /magic number is 0x00000800/],
    ["floats", [0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0], /32-bit floats \(type 0x0d\)/],
    ["sizes cut off", [0, 0, 8, 3, 0, 0, 0, 1, 0, 0], /ends within its 3 sizes: it is truncated/],
    ["data cut off", [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3], /\[2, 2\] needs 4 bytes, 3 are there: .*truncated/],
    [
      "sizes whose product is no number",
      [0, 0, 8, 42, ...new Array(41 * 4).fill(255), 0, 0, 0, 0],
      /\[4294967295, .*…\] is no size of a file/,
    ],
    ["bytes left over", [0, 0, 8, 1, 0, 0, 0, 1, 1, 2, 3], /\[1\] needs 1 bytes, and 2 more follow/],
  ])("refuses %s", (_, bytes, reason) => {
    expect(() => parseIdx(Uint8Array.from(bytes), SOURCE)).toThrow(DataError);
    expect(() => parseIdx(Uint8Array.from(bytes), SOURCE)).toThrow(reason);
    expect(() => parseIdx(Uint8Array.from(bytes), SOURCE)).toThrow(/^digits\.idx is not a valid IDX file/);
  });
});

describe("unpackGzip", () => {
  const plain = Uint8Array.from({ length: 1000 }, (_, i) => i % 7);

  it("unpacks gzip and passes anything else on", async () => {
    expect(Uint8Array.from(await unpackGzip(gzipSync(plain), SOURCE))).toEqual(plain);
    expect(await unpackGzip(plain, SOURCE)).toBe(plain);
    expect(await unpackGzip(new Uint8Array(0), SOURCE)).toHaveLength(0);
  });

  it("refuses a file that unpacks to more bytes than any file of MNIST", async () => {
    const packed = gzipSync(new Uint8Array(MAX_IDX_BYTES + 1));
    await expect(unpackGzip(packed, SOURCE)).rejects.toThrow(DataError);
    await expect(unpackGzip(packed, SOURCE)).rejects.toThrow(
      /^digits\.idx cannot be unpacked, it has more than 67108864/,
    );
  });

  it("names a file that is truncated or damaged", async () => {
    const packed = gzipSync(plain);
    await expect(unpackGzip(packed.subarray(0, -9), SOURCE)).rejects.toThrow(
      /^digits\.idx cannot be unpacked.*truncated/,
    );
    packed[packed.length - 6]! ^= 1;
    await expect(unpackGzip(packed, SOURCE)).rejects.toThrow(DataError);
  });
});
