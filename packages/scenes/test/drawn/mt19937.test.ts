import { describe, expect, it } from "vitest";
import { LegacyRandomState } from "../../src/drawn/mt19937.js";

const draws = <T>(count: number, draw: () => T): T[] => Array.from({ length: count }, draw);

describe("LegacyRandomState", () => {
  it("makes the Mersenne Twister's reference output", () => {
    // mt19937ar.c and C++'s std::mt19937: the default seed's first and 10,000th output.
    const random = new LegacyRandomState(5489);
    const outputs = draws(10_000, () => random.uint32());
    expect(outputs[0]).toBe(3499211612);
    expect(outputs[9_999]).toBe(4123659995);
  });

  it("accepts the largest seed and no larger", () => {
    // np.random.RandomState(2**32 - 1).randint(2**32, size=3)
    const random = new LegacyRandomState(2 ** 32 - 1);
    expect(draws(3, () => random.randint(2 ** 32))).toEqual([419326371, 479346978, 3918654476]);
    for (const seed of [2 ** 32, -1, 0.5, Number.NaN]) expect(() => new LegacyRandomState(seed)).toThrow(RangeError);
  });

  it("draws the integers and Gaussians of NumPy, in any mixture", () => {
    // NumPy 2.4.6: r = np.random.RandomState(681307); each call below in this order.
    const random = new LegacyRandomState(681307);
    expect(draws(12, () => random.randint(3))).toEqual([0, 0, 0, 1, 0, 2, 1, 2, 2, 2, 1, 2]);
    expect(draws(4, () => random.randint(60_000))).toEqual([18305, 53414, 48655, 27388]);
    expect(draws(2, () => random.randint(2 ** 32))).toEqual([784642180, 464714837]);
    expect(random.randint(1)).toBe(0);
    expect(random.randint(2 ** 31)).toBe(1691234978);
    const gaussians = draws(5, () => random.randn());
    const expected = [
      1.4711005803365502, -1.5515689904464762, 0.7642804927134592, 1.3104133029576313, -0.9265984607632729,
    ];
    // The last bit of the logarithm is the mathematics library's own.
    for (const [i, value] of expected.entries()) expect(Math.abs(gaussians[i]! / value - 1)).toBeLessThan(1e-15);
    expect(draws(2, () => random.double())).toEqual([0.968662450675403, 0.6025114849805936]);
    // The spare Gaussian waits behind other draws.
    expect(random.randint(100)).toBe(52);
    expect(random.randn()).toBeCloseTo(2.1542822559674435, 14);
  });

  it("stays in step over many Gaussians", () => {
    // r = np.random.RandomState(681307); r.randn(100000)[-1], r.randint(2**32)
    const random = new LegacyRandomState(681307);
    expect(draws(100_000, () => random.randn()).at(-1)).toBeCloseTo(-0.7337699958581867, 14);
    expect(random.randint(2 ** 32)).toBe(982172590);
  });

  it("refuses an empty or too large range", () => {
    const random = new LegacyRandomState(0);
    for (const high of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) expect(() => random.randint(high)).toThrow(RangeError);
  });
});
