import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { drawPlate } from "../../src/drawn/plates.js";

describe("drawPlate", () => {
  it("draws the same plate on every machine, by itself", () => {
    const { picture, boxes } = drawPlate(0, 3);
    expect(picture).toMatchObject({ width: 1000, height: 1000, channels: 1 });
    expect(
      createHash("sha256")
        .update(picture.data)
        .update(Float32Array.from(boxes.flatMap(({ xmin, ymin, xmax, ymax }) => [xmin, ymin, xmax, ymax])))
        .digest("hex"),
    ).toBe("a5fa21192395f3c6ae6570355923c7291d464b88fab60e8939ee9e49280a960a");
  });

  it("has 50 to 300 colonies, each inside its box, brighter or darker than the agar around it", () => {
    for (const dark of [false, true]) {
      const counts: number[] = [];
      for (let index = 0; index < 3; index++) {
        const { picture, boxes } = drawPlate(1, index, { dark });
        counts.push(boxes.length);
        expect(boxes.length).toBeGreaterThanOrEqual(50);
        expect(boxes.length).toBeLessThanOrEqual(300);
        let right = 0;
        for (const { xmin, ymin, xmax, ymax } of boxes) {
          expect(Math.min(xmin, ymin)).toBeGreaterThanOrEqual(0);
          expect(Math.max(xmax, ymax)).toBeLessThanOrEqual(1000);
          expect(xmax - xmin).toBeLessThanOrEqual(30);
          const at = (x: number, y: number): number => picture.data[Math.floor(y) * 1000 + Math.floor(x)]!;
          const middle = at((xmin + xmax) / 2, (ymin + ymax) / 2);
          const corners = (at(xmin, ymin) + at(xmax - 1, ymin) + at(xmin, ymax - 1) + at(xmax - 1, ymax - 1)) / 4;
          if (dark ? middle < corners : middle > corners) right++;
        }
        expect(right / boxes.length).toBeGreaterThan(0.97);
      }
      expect(new Set(counts).size).toBeGreaterThan(1);
    }
  });

  it("refuses a form that it cannot draw", () => {
    expect(() => drawPlate(0, 0, { side: 20 })).toThrow(/at least 30 pixels/);
    expect(() => drawPlate(0, 0, { counts: [5, 2] })).toThrow(/5 to 2/);
    expect(drawPlate(0, 0, { side: 100, counts: [0, 0] }).boxes).toEqual([]);
  });
});
