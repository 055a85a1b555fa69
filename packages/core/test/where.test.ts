import { describe, expect, it } from "vitest";
import { parseAirConfig } from "../src/config.js";
import { RandomStream } from "../src/random.js";
import { boxFromZWhere, intersectionOverUnion, type ZWhere, zWhereFromBox, zWhereFromLatent } from "../src/where.js";

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

describe("zWhereFromLatent", () => {
  const bounded = parseAirConfig({
    imageSize: 64,
    where: { type: "bounded", side: [8, 20] },
    prior: { whereMean: [0, 0, 0], whereStd: [1, 1, 1] },
  });
  const window = (latent: [number, number, number]) => {
    const { xmin, ymin, xmax, ymax } = boxFromZWhere(zWhereFromLatent(bounded, latent), 64);
    return { side: xmax - xmin, x: (xmin + xmax) / 2, y: (ymin + ymax) / 2 };
  };

  it("is the latent itself where windows are not bounded", () => {
    expect(zWhereFromLatent(parseAirConfig({}), [3.1, -1, 0.4])).toEqual([3.1, -1, 0.4]);
  });

  it("maps zeros to a window of medium size in the centre", () => {
    expect(window([0, 0, 0])).toEqual({ side: 14, x: 32, y: 32 });
  });

  it("keeps sides within the bounds and centres in the image, however far out the latent", () => {
    for (const extreme of [-50, 50]) {
      const { side, x, y } = window([extreme, extreme, -extreme]);
      expect(side).toBeCloseTo(extreme < 0 ? 8 : 20, 6);
      expect([x, y].map(Math.round).toSorted()).toEqual([0, 64]);
    }
  });

  it("makes standard normals nearly uniform", () => {
    const n = 4000;
    const normals = new RandomStream(0).fillNormal(new Float32Array(3 * n));
    const windows = Array.from({ length: n }, (_, i) =>
      window([normals[3 * i]!, normals[3 * i + 1]!, normals[3 * i + 2]!]),
    );
    for (let tenth = 1; tenth < 10; tenth++) {
      const below = (test: (window: { side: number; x: number; y: number }) => boolean) =>
        windows.filter(test).length / n;
      expect(Math.abs(below(({ side }) => side < 8 + 1.2 * tenth) - tenth / 10)).toBeLessThan(0.03);
      expect(Math.abs(below(({ x }) => x < 6.4 * tenth) - tenth / 10)).toBeLessThan(0.03);
      expect(Math.abs(below(({ y }) => y < 6.4 * tenth) - tenth / 10)).toBeLessThan(0.03);
    }
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
