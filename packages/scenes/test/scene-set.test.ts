import { describe, expect, it } from "vitest";
import {
  emptyScenes,
  fillBatch,
  type ImageStream,
  packScenes,
  sliceScenes,
  trueBoxes,
  unpackScenes,
} from "../src/scene-set.js";

/** 5 images of 2 channels, 3x3, whose every byte is different. */
function scenes() {
  const set = emptyScenes(5, 3, 2, 2);
  for (let i = 0; i < set.images.length; i++) set.images[i] = i;
  set.counts.set([0, 1, 2, 0, 1]);
  set.boxes.set([0, 0, 1, 2], 1 * 8);
  set.boxes.set([1, 0, 3, 3, 0, 1, 2, 2.5], 2 * 8);
  set.boxes.set([2, 2, 3, 3], 4 * 8);
  return set;
}

describe("trueBoxes", () => {
  it("gives one box for each object", () => {
    expect(trueBoxes(scenes(), 0)).toEqual([]);
    expect(trueBoxes(scenes(), 1)).toEqual([{ xmin: 0, ymin: 0, xmax: 1, ymax: 2 }]);
    expect(trueBoxes(scenes(), 2)).toEqual([
      { xmin: 1, ymin: 0, xmax: 3, ymax: 3 },
      { xmin: 0, ymin: 1, xmax: 2, ymax: 2.5 },
    ]);
    expect(() => trueBoxes(scenes(), 5)).toThrow("no image 5 in a set of 5");
  });
});

describe("sliceScenes", () => {
  it("makes a set that shares the memory", () => {
    const set = scenes();
    const part = sliceScenes(set, 1, 3);
    expect(part).toMatchObject({ size: 2, imageSize: 3, channels: 2, maxObjects: 2 });
    expect([...part.counts]).toEqual([1, 2]);
    expect(part.images).toHaveLength(2 * 18);
    expect(part.images[0]).toBe(18);
    expect(trueBoxes(part, 1)).toEqual(trueBoxes(set, 2));
    expect(part.images.buffer).toBe(set.images.buffer);
    expect(part.boxes.buffer).toBe(set.boxes.buffer);
  });

  it("takes no images or all, and slices of slices", () => {
    const set = scenes();
    expect(sliceScenes(set, 5, 5)).toMatchObject({ size: 0, images: new Uint8Array(0) });
    expect(sliceScenes(set, 0, 5)).toEqual(set);
    expect(sliceScenes(sliceScenes(set, 1, 5), 1, 2)).toEqual(sliceScenes(set, 2, 3));
  });

  it.each([
    [-1, 2],
    [3, 2],
    [0, 6],
    [0.5, 2],
    [0, Number.NaN],
  ])("refuses %d to %d", (start, end) => {
    expect(() => sliceScenes(scenes(), start, end)).toThrow(RangeError);
  });
});

describe("a packed set", () => {
  it("has the images and labels of the set, and so have its slices", () => {
    const set = scenes();
    const packed = packScenes(set);
    expect(packed).not.toHaveProperty("images");
    expect(unpackScenes(packed)).toEqual(set);
    const slice = sliceScenes(sliceScenes(packed, 1, 5), 1, 3);
    expect(slice.packed).toBe(packed.packed);
    expect(unpackScenes(slice)).toEqual(sliceScenes(set, 2, 4));
    expect(trueBoxes(slice, 0)).toEqual(trueBoxes(set, 2));
    expect(unpackScenes(set)).toBe(set);
  });

  it("gives the batches of the set", () => {
    const [batch, expected] = [new Float32Array(3 * 18).fill(9), new Float32Array(3 * 18)];
    fillBatch(sliceScenes(packScenes(scenes()), 1, 5), [3, 0, 3], batch);
    fillBatch(sliceScenes(scenes(), 1, 5), [3, 0, 3], expected);
    expect(batch).toEqual(expected);
    // Another image of the same list, but not of the set.
    const slice = sliceScenes(packScenes(scenes()), 1, 3);
    for (const index of [-1, 2]) {
      expect(() => fillBatch(slice, [index], new Float32Array(18))).toThrow(`no image ${index} in a set of 2`);
    }
  });
});

describe("fillBatch", () => {
  it("draws all images of a stream, a few at a time", () => {
    const asked: number[] = [];
    let most = 0;
    const stream: ImageStream = {
      imageSize: 1,
      channels: 2,
      size: Number.POSITIVE_INFINITY,
      draw(indices, target) {
        expect(target).toHaveLength(2 * indices.length);
        most = Math.max(most, indices.length);
        for (let i = 0; i < indices.length; i++) {
          asked.push(indices[i]!);
          target.set([indices[i]! % 256, 255], 2 * i);
        }
      },
    };
    const indices = Array.from({ length: 333 }, (_, i) => 3 * i + 5);
    const batch = new Float32Array(666);
    fillBatch(stream, indices, batch);
    expect(asked).toEqual(indices);
    expect(batch).toEqual(Float32Array.from(indices.flatMap((index) => [(index % 256) / 255, 1])));
    expect(most).toBeLessThan(100);
  });

  it("writes the images in the order asked for, as fractions of 255", () => {
    const batch = new Float32Array(3 * 18);
    fillBatch(scenes(), [4, 0, 4], batch);
    const image = (index: number) => Float32Array.from({ length: 18 }, (_, i) => (index * 18 + i) / 255);
    expect(batch).toEqual(Float32Array.of(...image(4), ...image(0), ...image(4)));
  });

  it("maps 0 and 255 to exactly 0 and 1", () => {
    const set = emptyScenes(1, 2, 1, 1);
    set.images.set([0, 255, 255, 0]);
    const batch = new Float32Array(4);
    fillBatch(set, Uint32Array.of(0), batch);
    expect([...batch]).toEqual([0, 1, 1, 0]);
  });

  it("refuses a target of another length and an index out of range", () => {
    expect(() => fillBatch(scenes(), [0], new Float32Array(17))).toThrow("needs 18 numbers, not 17");
    expect(() => fillBatch(scenes(), [5], new Float32Array(18))).toThrow("no image 5");
    expect(() => fillBatch(scenes(), [-1], new Float32Array(18))).toThrow("no image -1");
  });
});
