import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { philox4x32, RandomStream } from "../src/random.js";

describe("philox4x32", () => {
  // Known answers of Random123's kat_vectors for philox4x32-10.
  it.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ] as const)("of counter %j under key %j is %s", ([c0, c1, c2, c3], [k0, k1], expected) => {
    const block = new Uint32Array(4);
    philox4x32(block, c0, c1, c2, c3, k0, k1);
    expect([...block].map((word) => word.toString(16).padStart(8, "0")).join(" ")).toBe(expected);
  });
});

describe("RandomStream", () => {
  const draw = (stream: RandomStream, n = 8): number[] => Array.from({ length: n }, () => stream.uint32());

  it("is a function of seed and path", () => {
    expect(draw(new RandomStream(7, 1, 2))).toEqual(draw(new RandomStream(7, 1, 2)));
    const seen = [
      new RandomStream(7, 1, 2),
      new RandomStream(7, 2, 1),
      new RandomStream(8, 1, 2),
      new RandomStream(7 + 2 ** 32, 1, 2),
      new RandomStream(7, 1, 2, 1),
    ].map((stream) => draw(stream).join());
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("begins with the block of counter 0", () => {
    expect(new RandomStream(0).uint32()).toBe(0x6627e8d5);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("rejects the seed %d", (seed) => {
    expect(() => new RandomStream(seed)).toThrow(RangeError);
  });

  it.each([-1, 1.5, 2 ** 32])("rejects the path %d", (part) => {
    expect(() => new RandomStream(0, part)).toThrow(RangeError);
  });

  it("draws uniforms in [0, 1) with the right mean", () => {
    const stream = new RandomStream(1);
    const values = Array.from({ length: 20_000 }, () => stream.uniform());
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.reduce((a, b) => a + b) / values.length).toBeCloseTo(0.5, 2);
  });

  it("draws standard normals: mean, variance and kurtosis", () => {
    const values = new RandomStream(2).fillNormal(new Float32Array(100_000));
    const moment = (k: number): number => values.reduce((sum, v) => sum + v ** k, 0) / values.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.015);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.02);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
  });

  it.each([0, 1, 2, 3, 4, 5])("fills with the same normals as single draws, after %d of them", (before) => {
    for (const integers of [0, 1, 2, 4]) {
      for (const length of [0, 1, 2, 3, 4, 7, 8, 33]) {
        const [filled, single] = [new RandomStream(5, length), new RandomStream(5, length)];
        for (const stream of [filled, single]) {
          for (let i = 0; i < integers; i++) stream.uint32();
          for (let i = 0; i < before; i++) stream.normal();
        }
        const expected = Float32Array.from({ length }, () => single.normal());
        expect(filled.fillNormal(new Float32Array(length))).toEqual(expected);
        // Both streams are at the same place afterwards, too.
        expect([filled.normal(), filled.normal(), filled.uint32()]).toEqual([
          single.normal(),
          single.normal(),
          single.uint32(),
        ]);
      }
    }
  });

  it("draws the normals that it has always drawn", () => {
    const { buffer } = new RandomStream(2, 1, 7).fillNormal(new Float32Array(10_001));
    expect(createHash("sha256").update(new Uint8Array(buffer)).digest("hex")).toBe(
      "517b8d5df6252a17dd8dcbfb88c1b99545ea0afb759812c8903bedb7a592bbb4",
    );
  });

  it("draws integers evenly below the bound", () => {
    const stream = new RandomStream(3);
    const seen = new Uint32Array(5);
    for (let i = 0; i < 50_000; i++) seen[stream.integer(5)]!++;
    for (const n of seen) expect(Math.abs(n - 10_000)).toBeLessThan(400);
  });

  it("permutes every index once", () => {
    const order = new RandomStream(4).permutation(100);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect([...order]).not.toEqual([...order].sort((a, b) => a - b));
    expect(new RandomStream(4).permutation(0)).toHaveLength(0);
  });
});
