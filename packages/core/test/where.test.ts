import { describe, expect, it } from "vitest";
import { boxFromZWhere, intersectionOverUnion, type ZWhere, zWhereFromBox } from "../src/where.js";

describe("boxFromZWhere", () => {
  it.each<[ZWhere, number, number[]]>([
    [[1, 0, 0], 50, [0, 0, 50, 50]],
    [[2, 0, 0], 50, [12.5, 12.5, 37.5, 37.5]],
    [[2, 1, 0], 50, [0, 12.5, 25, 37.5]],
    [[2, 0, -1], 50, [12.5, 25, 37.5, 50]],
    [[4, 4, 4], 64, [-8, -8, 8, 8]],
    [[-2, 0, 0], 50, [12.5, 12.5, 37.5, 37.5]],
  ])("%j in %i pixels is %j", (zWhere, side, [xmin, ymin, xmax, ymax]) => {
    expect(boxFromZWhere(zWhere, side)).toEqual({ xmin, ymin, xmax, ymax });
  });

  it("covers the pixels that the attention transform reads: s·u + (x, y) for u the edges of the box", () => {
    const [s, x, y]: ZWhere = [2.7, 0.4, -1.1];
    const side = 50;
    const box = boxFromZWhere([s, x, y], side);
    const u = (pixel: number): number => (2 * pixel) / side - 1;
    expect(s * u(box.xmin) + x).toBeCloseTo(-1);
    expect(s * u(box.xmax) + x).toBeCloseTo(1);
    expect(s * u(box.ymin) + y).toBeCloseTo(-1);
    expect(s * u(box.ymax) + y).toBeCloseTo(1);
  });

  it("is inverted by zWhereFromBox", () => {
    const zWhere: ZWhere = [3.2, -1.4, 0.3];
    zWhereFromBox(boxFromZWhere(zWhere, 64), 64).forEach((value, i) => {
      expect(value).toBeCloseTo(zWhere[i]!, 12);
    });
  });
});

describe("intersectionOverUnion", () => {
  const unit = { xmin: 0, ymin: 0, xmax: 2, ymax: 2 };
  it.each([
    [unit, 1],
    [{ xmin: 1, ymin: 0, xmax: 3, ymax: 2 }, 2 / 6],
    [{ xmin: 0.5, ymin: 0.5, xmax: 1.5, ymax: 1.5 }, 1 / 4],
    [{ xmin: 2, ymin: 0, xmax: 4, ymax: 2 }, 0],
    [{ xmin: 5, ymin: 5, xmax: 6, ymax: 6 }, 0],
  ])("with %j is %f", (other, expected) => {
    expect(intersectionOverUnion(unit, other)).toBeCloseTo(expected, 12);
    expect(intersectionOverUnion(other, unit)).toBeCloseTo(expected, 12);
  });
});
