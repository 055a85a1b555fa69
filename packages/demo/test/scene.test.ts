import { boxFromZWhere } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import {
  blendWhat,
  deleteObject,
  duplicateObject,
  placementOf,
  placeObject,
  SMALLEST_SIDE,
  swapPlaces,
  withDimension,
} from "../src/scene-edit.js";
import { storyLength, storyPosition, tell } from "../src/story.js";
import { countObjects, placeInWords, sceneInWords, shareInWords } from "../src/words.js";

const S = 50;
const scene = {
  objects: [
    { zWhere: [3, 1.5, 1.5] as const, zWhat: Float32Array.of(1, 2) },
    { zWhere: [2.5, -1, -1] as const, zWhat: Float32Array.of(-1, 0) },
  ],
};

describe("editing a scene", () => {
  it("moves an object to its new place, and leaves the others", () => {
    const placed = placeObject(scene, 0, { x: 20, y: 30, side: 10 }, S);
    expect(boxFromZWhere(placed.objects[0]!.zWhere, S)).toEqual({
      xmin: expect.closeTo(15),
      ymin: expect.closeTo(25),
      xmax: expect.closeTo(25),
      ymax: expect.closeTo(35),
    });
    expect(placed.objects[1]).toBe(scene.objects[1]);
    expect(placementOf(placed.objects[0]!.zWhere, S)).toEqual({
      x: expect.closeTo(20),
      y: expect.closeTo(30),
      side: expect.closeTo(10),
    });
  });

  it("keeps objects in the image and of a size that can be grabbed", () => {
    const [object] = placeObject(scene, 0, { x: -40, y: 900, side: -5 }, S).objects;
    expect(placementOf(object!.zWhere, S)).toEqual({
      x: expect.closeTo(0),
      y: expect.closeTo(S),
      side: expect.closeTo(SMALLEST_SIDE),
    });
    expect(placementOf(placeObject(scene, 0, { x: 9, y: 9, side: 1e6 }, S).objects[0]!.zWhere, S).side).toBeCloseTo(S);
  });

  it("duplicates at the end, in the image, even from its corner", () => {
    const cornered = placeObject(scene, 0, { x: S, y: S, side: 17 }, S);
    const { objects } = duplicateObject(cornered, 0, S);
    expect(objects).toHaveLength(3);
    expect(objects[2]!.zWhat).toBe(scene.objects[0]!.zWhat);
    const { x, y } = placementOf(objects[2]!.zWhere, S);
    expect(x).toBeLessThan(S - 5);
    expect(y).toBeLessThan(S - 5);
  });

  it("deletes and swaps places", () => {
    expect(deleteObject(scene, 0).objects).toEqual([scene.objects[1]]);
    const swapped = swapPlaces(scene, 0, 1);
    expect(swapped.objects[0]).toEqual({ zWhere: scene.objects[1]!.zWhere, zWhat: scene.objects[0]!.zWhat });
    expect(swapPlaces(swapped, 0, 1)).toEqual(scene);
  });

  it("walks through codes without changing the one it started from", () => {
    const from = Float32Array.of(0, 1);
    expect(Array.from(withDimension(from, 1, 3))).toEqual([0, 3]);
    expect(Array.from(blendWhat(from, [4, 1], 0.25))).toEqual([1, 1]);
    expect(Array.from(from)).toEqual([0, 1]);
  });
});

describe("words", () => {
  it.each([
    [[3, 2, 2], "upper left"],
    [[3, 0, 0], "centre"],
    [[3, 0, 2], "top"],
    [[3, 0, -2], "bottom"],
    [[3, -2, 0], "right"],
    [[3, -9, -9], "lower right"],
  ] as const)("%j is %s", (zWhere, place) => {
    expect(placeInWords(boxFromZWhere(zWhere, S), S)).toBe(place);
  });

  it("never round to certainty", () => {
    expect([0, 1, 0.99999, 0.00001, 0.123, 0.05].map((p) => shareInWords(p).replaceAll("\u00a0", " "))).toEqual([
      "0 %",
      "100 %",
      "> 99.9 %",
      "< 0.1 %",
      "12 %",
      "5.0 %",
    ]);
  });

  it("say what is in a scene", () => {
    expect([0, 1, 2].map(countObjects)).toEqual(["No objects", "1 object", "2 objects"]);
    expect(sceneInWords({ count: 0, objects: [] }, S)).toBe("No objects.");
    const object = {
      ...scene.objects[0]!,
      presence: 0.75,
      score: 0.75,
      patch: new Float32Array(),
      box: boxFromZWhere([3, 1, 1], S),
      tightBox: { xmin: 10.2, ymin: 4, xmax: 15, ymax: 18 },
      mask: new Uint8Array(S * S),
    };
    expect(sceneInWords({ count: 1, objects: [object] }, S).replaceAll("\u00a0", " ")).toBe(
      "1 object: 1 upper left, 5 × 14 px, 75 % sure.",
    );
    expect(sceneInWords({ count: 0, objects: [], typical: true }, S)).toBe("No objects.");
    expect(sceneInWords({ count: 0, objects: [], typical: false }, S)).toBe(
      "No objects. Unlike anything it was trained on: a guess.",
    );
  });
});

describe("the story", () => {
  const step = (presence: number) => ({
    presence,
    zWhere: [3, 0, 0] as const,
    glimpse: new Float32Array(),
    patch: new Float32Array(),
    canvas: new Float32Array(),
    kl: 40,
  });

  it("goes through attend, infer and repeat of every step", () => {
    expect(Array.from({ length: storyLength(2) }, (_, i) => storyPosition(i))).toEqual([
      { step: 0, phase: "attend" },
      { step: 0, phase: "infer" },
      { step: 0, phase: "repeat" },
      { step: 1, phase: "attend" },
      { step: 1, phase: "infer" },
      { step: 1, phase: "repeat" },
    ]);
  });

  it("tells a step that found something from one that stopped and one that never ran", () => {
    const run = { steps: [step(0.99), step(0.02)], count: 1, imageSize: S };
    expect(tell({ step: 0, phase: "attend" }, run)).toMatchObject({
      found: true,
      sentence: expect.stringMatching(/yes/),
    });
    expect(tell({ step: 1, phase: "repeat" }, run)).toMatchObject({
      found: false,
      sentence: expect.stringMatching(/no\. It stops, with one object\./),
    });
    expect(tell({ step: 2, phase: "infer" }, run)).toMatchObject({
      step: undefined,
      sentence: expect.stringMatching(/never gets here/),
    });
  });
});
