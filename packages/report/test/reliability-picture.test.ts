import { sheetColours } from "@air-onnx/scenes";
import { expect, it } from "vitest";
import { reliabilityPicture } from "../src/index.js";

const empty = reliabilityPicture([]);

/** Middle of the pixels that a group's dot and interval add to the empty plot, and how far they reach. */
function drawn(meanScore: number, right: number, objects: number) {
  const picture = reliabilityPicture([{ meanScore, right, objects }]);
  const columns: number[] = [];
  const rows: number[] = [];
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      if (picture.pixel(x, y).join() === empty.pixel(x, y).join()) continue;
      columns.push(x);
      rows.push(y);
    }
  }
  const [first, last] = [Math.min(...rows), Math.max(...rows)];
  return { x: (Math.min(...columns) + Math.max(...columns)) / 2, top: first, bottom: last, height: last - first };
}

it("draws a calibrated group on the diagonal, a doubtful one below, a modest one above", () => {
  const many = 1e9;
  const [even, sure] = [drawn(0.5, 0.5, many), drawn(0.99, 0.99, many)];
  const diagonal = (even.bottom - sure.bottom) / (sure.x - even.x);
  expect(diagonal).toBeCloseTo(1, 1);
  expect(drawn(0.99, 0.9, many).bottom).toBeGreaterThan(sure.bottom);
  expect(drawn(0.9, 0.99, many).x).toBeLessThan(sure.x);
});

it("draws longer intervals for fewer objects, and stays in the picture at certainty", () => {
  expect(drawn(0.9, 0.9, 20).height).toBeGreaterThan(2 * drawn(0.9, 0.9, 2000).height);
  for (const p of [0, 1]) {
    const { top, bottom } = drawn(p, p, 10);
    expect(top).toBeGreaterThan(0);
    expect(bottom).toBeLessThan(empty.height - 1);
  }
  expect(empty.pixel(0, 0)).toEqual(sheetColours.background);
});
