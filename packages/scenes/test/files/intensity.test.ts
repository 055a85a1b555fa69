import { describe, expect, it } from "vitest";
import { DataError } from "../../src/errors.js";
import { levelOf, whiteOf } from "../../src/files/intensity.js";
import type { NpyData } from "../../src/files/npy.js";

/** White of the values, and the lines that were said. */
function decided(data: NpyData, isFloat = data instanceof Float32Array || data instanceof Float64Array) {
  const lines: string[] = [];
  const white = whiteOf({ data, isFloat }, "x", (line) => void lines.push(line));
  return { white, lines };
}

/** Values of which a share of 1 in `every` is `rare`, and the others are `common`. */
const mostly = (common: number, rare: number, every = 50) =>
  Float64Array.from({ length: 1000 }, (_, i) => (i % every === 0 ? rare : common));

describe("floats", () => {
  it.each<[string, Float64Array, number]>([
    ["in 0 to 1", Float64Array.of(0, 0.25, 1), 1],
    ["that are all black", new Float64Array(9), 1],
    ["in 0 to 255", Float64Array.of(0, 0.25, 3, 100, 255), 255],
  ])("%s are taken as they are", (_, data, white) => {
    expect(decided(data)).toEqual({ white, lines: [] });
  });

  it.each<[string, Float64Array, number, string]>([
    [
      "by rounding",
      mostly(0.5, 1 + 2 ** -51),
      1,
      "20 of its 1000 values above 0 are beyond 1, up to 1.0000000000000004",
    ],
    ["where objects overlap", mostly(0.5, 1.6), 1, "20 of its 1000 values above 0 are beyond 1, up to 1.6"],
    ["where objects overlap, in 0 to 255", mostly(99.5, 400.5), 255, "are beyond 255, up to 400.5"],
    ["below black, by a resize", mostly(0.5, -0.02), 1, "some are below 0, down to -0.02"],
  ])("beyond white or black %s are clipped, and that is said", (_, data, white, line) => {
    const found = decided(data);
    expect(found.white).toBe(white);
    expect(found.lines).toEqual([expect.stringMatching(/^x is read as intensities from 0 to \d+; .*: clipped$/)]);
    expect(found.lines[0]).toContain(line);
  });

  it.each<[string, Float64Array, RegExp]>([
    ["from -1 to 1", Float64Array.of(-1, 0, 1), /values from -1 to 1: .* From -1 to 1: save \(x \+ 1\) \/ 2\./],
    ["around 0", mostly(1, -1, 2).map((value) => 2.5 * value), /values from -2\.5 to 2\.5: .* Save \(x - x\.min\(\)\)/],
    ["with many above 1, none of them large", mostly(0.7, 1.5, 4), /values from 0 to 1\.5/],
    ["of 16 bits", mostly(1000, 60_000), /values from 0 to 60000/],
    ["with one that is far off", mostly(0.5, 40, 1000), /values from 0 to 40/],
  ])("%s are refused, with their range", (_, data, message) => {
    expect(() => decided(data)).toThrow(DataError);
    expect(() => decided(data)).toThrow(message);
  });
});

describe("integers", () => {
  it.each<[NpyData, number]>([
    [Uint8Array.of(0, 1), 1],
    [Uint8Array.of(0, 2), 255],
    [Int32Array.of(0, 255), 255],
  ])("up to 255 are taken as they are", (data, white) => {
    expect(decided(data)).toEqual({ white, lines: [] });
  });

  it.each([
    [256, 10],
    [1023, 10],
    [1024, 12],
    [4095, 12],
    [16_383, 14],
    [65_535, 16],
  ])("of a camera, up to %d, have %d bits, and that is said", (most, bits) => {
    const { white, lines } = decided(Uint16Array.of(0, 100, most));
    expect(white).toBe(2 ** bits - 1);
    expect(lines).toEqual([`x has values up to ${most}: read as ${bits} bits, so that ${2 ** bits - 1} is white`]);
  });

  it("that are sums of bytes are clipped, and that is said", () => {
    const { white, lines } = decided(Int32Array.from(mostly(200, 400)), false);
    expect(white).toBe(255);
    expect(lines[0]).toContain("20 of its 1000 values above 0 are beyond 255, up to 400: clipped");
  });

  it("below 0 or beyond 16 bits are refused, with their range", () => {
    expect(() => decided(Int32Array.of(-1, 5))).toThrow("x has values from -1 to 5: ");
    expect(() => decided(Int32Array.of(0, 70_000))).toThrow("x has values from 0 to 70000: ");
  });
});

it("a level is never beyond black or white", () => {
  expect([-0.1, 0, 0.5, 1, 1.6].map((value) => levelOf(value, 1))).toEqual([0, 0, 128, 255, 255]);
  expect([0, 2048, 4095].map((value) => levelOf(value, 4095))).toEqual([0, 128, 255]);
});
