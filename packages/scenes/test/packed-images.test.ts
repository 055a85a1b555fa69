import { RandomStream } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { PackedImages } from "../src/packed-images.js";

/** An image whose values are not zero with the probability `density`. */
function randomImage(pixels: number, density: number, random: RandomStream): Uint8Array {
  return Uint8Array.from({ length: pixels }, () => (random.uniform() < density ? random.integer(256) : 0));
}

describe("PackedImages", () => {
  it.each([1, 2, 3, 254, 255, 256, 257, 510, 511, 512, 2500])("gives images of %d values back", (pixels) => {
    const random = new RandomStream(0, pixels);
    const images = [0, 0.001, 0.05, 0.5, 0.9, 1].flatMap((density) => [
      randomImage(pixels, density, random),
      randomImage(pixels, density, random),
    ]);
    images.push(new Uint8Array(pixels).fill(255));
    const packed = new PackedImages(pixels, images.length);
    for (const image of images) packed.add(image);
    expect(packed.size).toBe(images.length);
    // What was in the target before does not show through.
    const bytes = new Uint8Array(pixels).fill(9);
    const numbers = new Float32Array(pixels).fill(9);
    const levels = Float32Array.from({ length: 256 }, (_, level) => level / 255);
    for (const index of [...images.keys()].reverse()) {
      packed.unpack(index, bytes);
      expect(bytes).toEqual(images[index]);
      packed.unpackLevels(index, levels, numbers);
      expect(numbers).toEqual(Float32Array.from(images[index]!, (level) => levels[level]!));
    }
  });

  it("gives every arrangement of black and other values back", () => {
    const packed = new PackedImages(10, 1024);
    const images = Array.from({ length: 1024 }, (_, bits) =>
      Uint8Array.from({ length: 10 }, (_, i) => (bits & (1 << i) ? 200 + i : 0)),
    );
    for (const image of images) packed.add(image);
    const found = images.map((_, i) => {
      const target = new Uint8Array(10);
      packed.unpack(i, target);
      return target;
    });
    expect(found).toEqual(images);
  });

  it("takes a fraction of the memory of mostly black images, and little more than that of bright ones", () => {
    const sparse = new PackedImages(2500, 2000);
    const dense = new PackedImages(2500, 2000);
    const image = new Uint8Array(2500);
    image.fill(7, 1000, 1100);
    for (let i = 0; i < 2000; i++) {
      sparse.add(image);
      dense.add(new Uint8Array(2500).fill(1));
    }
    expect(sparse.byteLength).toBeLessThan(0.25 * 2000 * 2500);
    expect(dense.byteLength).toBeLessThan(1.25 * 2000 * 2500);
  });

  it("keeps images larger than what is taken at a time, and many of them", () => {
    const pixels = 2 ** 20 + 3;
    const packed = new PackedImages(pixels, 3);
    const images = [1, 2, 3].map((value) => new Uint8Array(pixels).fill(value));
    for (const image of images) packed.add(image);
    const target = new Uint8Array(pixels);
    images.forEach((image, i) => {
      packed.unpack(i, target);
      expect(Buffer.compare(target, image)).toBe(0);
    });
  });

  it("refuses images of another size, more than it has room for, and indices that it does not have", () => {
    const packed = new PackedImages(4, 1);
    expect(() => packed.add(new Uint8Array(3))).toThrow("An image has 4 values, not 3");
    packed.add(new Uint8Array(4));
    expect(() => packed.add(new Uint8Array(4))).toThrow("There is room for 1 images only");
    for (const index of [1, -1, Number.NaN, 0.5]) {
      expect(() => packed.unpack(index, new Uint8Array(4))).toThrow(RangeError);
      expect(() => packed.unpackLevels(index, new Float32Array(256), new Float32Array(4))).toThrow(
        `There is no image ${index} among 1`,
      );
    }
    expect(() => packed.unpack(0, new Uint8Array(5))).toThrow("An image has 4 values, not 5");
  });
});
