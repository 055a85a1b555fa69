import { describe, expect, it } from "vitest";
import { parseAirConfig } from "../src/config.js";
import { joinTiles, planTiles, tileOverlap } from "../src/tiles.js";
import type { Box } from "../src/where.js";

const square = (x: number, y: number, side = 8): Box => ({ xmin: x, ymin: y, xmax: x + side, ymax: y + side });

describe("tileOverlap", () => {
  it("is the largest window, at most three quarters of the image", () => {
    const bounded = (most: number) =>
      parseAirConfig({
        imageSize: 40,
        objectSize: 10,
        where: { type: "bounded", side: [4, most], spacing: "logarithmic", centre: "free" },
      });
    expect(tileOverlap(bounded(12.5))).toBe(13);
    expect(tileOverlap(bounded(39))).toBe(30);
  });

  it("is the window of the prior's mean less two deviations, where windows have no bounds", () => {
    const config = parseAirConfig({ imageSize: 50, prior: { whereMean: [3, 0, 0], whereStd: [0.25, 1, 1] } });
    expect(tileOverlap(config)).toBe(20);
    const wide = parseAirConfig({ imageSize: 50, prior: { whereMean: [3, 0, 0], whereStd: [2, 1, 1] } });
    expect(tileOverlap(wide)).toBe(37);
  });
});

describe("planTiles", () => {
  it("takes a picture of the tiles' size as it is, and puts a smaller one into the middle", () => {
    expect(planTiles({ width: 40, height: 40 }, 40, 10)).toMatchObject([{ x: 0, y: 0 }]);
    expect(planTiles({ width: 30, height: 7 }, 40, 10)).toMatchObject([{ x: -5, y: -16 }]);
    expect(planTiles({ width: 41, height: 7 }, 40, 10).map(({ x, y }) => [x, y])).toEqual([
      [0, -16],
      [1, -16],
    ]);
  });

  it.each([
    [41, 40],
    [97, 64],
    [200, 133],
  ])("covers each place of %ix%i by one core, which lies half an overlap inside its tile", (width, height) => {
    const [side, overlap] = [40, 13];
    const tiles = planTiles({ width, height }, side, overlap);
    const owners = (x: number, y: number) =>
      tiles.filter(({ core }) => x >= core.xmin && x < core.xmax && y >= core.ymin && y < core.ymax);
    const wrong: [x: number, y: number][] = [];
    for (let y = 0.5; y < height; y += 3) {
      for (let x = 0.5; x < width; x += 3) {
        const [owner, ...others] = owners(x, y);
        const hasRoom = (at: number, from: number, length: number): boolean =>
          (at - from >= overlap / 2 - 0.5 || from === 0) &&
          (from + side - at >= overlap / 2 - 0.5 || from + side === length);
        if (others.length > 0 || !hasRoom(x, owner!.x, width) || !hasRoom(y, owner!.y, height)) wrong.push([x, y]);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("joinTiles", () => {
  // The cores of the two tiles meet at column 35.
  const tiles = planTiles({ width: 70, height: 40 }, 40, 10);
  const join = (...objects: { tile: number; tightBox: Box }[]) => joinTiles(objects, tiles, 10);

  it("keeps one of two answers, that of the tile whose core holds the object more deeply", () => {
    const [left, right] = [
      { tile: 0, tightBox: square(30, 10) },
      { tile: 1, tightBox: square(30, 11) },
    ];
    expect(tiles).toHaveLength(2);
    expect(join(left, right)).toEqual([left]);
    expect(join({ tile: 0, tightBox: square(33, 10) }, { tile: 1, tightBox: square(33, 10) })).toHaveLength(1);
  });

  it("keeps an object that both tiles place just beyond their cores, or in both of them", () => {
    expect(join({ tile: 0, tightBox: square(31.6, 10) }, { tile: 1, tightBox: square(30.6, 10) })).toHaveLength(1);
    expect(join({ tile: 0, tightBox: square(30.6, 10) }, { tile: 1, tightBox: square(31.4, 10) })).toHaveLength(1);
  });

  it("drops what lies deep in the other's core, as objects that a tile's edge cuts do", () => {
    expect(join({ tile: 0, tightBox: { xmin: 37, ymin: 0, xmax: 40, ymax: 8 } })).toEqual([]);
  });

  it("keeps neighbours that touch, in one tile or in two", () => {
    const touching = [
      { tile: 0, tightBox: square(25, 10) },
      { tile: 1, tightBox: square(32, 10) },
      { tile: 0, tightBox: square(22, 15) },
    ];
    expect(join(...touching)).toEqual(touching);
    const inOne = [
      { tile: 0, tightBox: square(5, 10) },
      { tile: 0, tightBox: square(6, 11) },
    ];
    expect(join(...inOne)).toEqual(inOne);
  });
});
