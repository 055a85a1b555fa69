import { expect, it } from "vitest";
import { explanationOf } from "../../src/pictures/scene-sheets.js";

const image = new Float32Array(400);
const tightBox = { xmin: 8, ymin: 8, xmax: 12, ymax: 12 };
const box = { xmin: 4, ymin: 4, xmax: 16, ymax: 16 };

it("explains a scene by its tight boxes", () => {
  const object = { presence: 1, score: 1, box, tightBox, mask: new Uint8Array(400), zWhere: [2, 0, 0] as const };
  const scene = { count: 1, objects: [{ ...object, zWhat: image, patch: image }], reconstruction: image };
  expect(explanationOf(scene)).toEqual({ boxes: [tightBox], count: 1, reconstruction: image });
});
