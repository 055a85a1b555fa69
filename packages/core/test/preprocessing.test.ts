import { describe, expect, it } from "vitest";
import {
  type Preprocessing,
  prepareBatch,
  preprocessImage,
  preprocessingSchema,
  restoreImage,
  restoreScenes,
} from "../src/preprocessing.js";
import { RandomStream } from "../src/random.js";

const SIDE = 64;
const PLANE = SIDE ** 2;
const inDisc = (i: number): boolean => Math.hypot((i % SIDE) - 30, Math.floor(i / SIDE) - 20) < 8;
const farFromDisc = (i: number): boolean => Math.hypot((i % SIDE) - 30, Math.floor(i / SIDE) - 20) > 10;

/** A disc that is `contrast` above (or below) a shaded ground, with noise. */
function disc(contrast: number, { noise = 0.01, base = 0.5 } = {}): Float32Array<ArrayBuffer> {
  const random = new RandomStream(2);
  return Float32Array.from({ length: PLANE }, (_, i) => {
    const [x, y] = [(i % SIDE) / SIDE, Math.floor(i / SIDE) / SIDE];
    return base - 0.2 * (x * x + y * y) + (inDisc(i) ? contrast : 0) + noise * random.normal();
  });
}

const grey = { imageSize: SIDE, channels: 1 };
const parameters = (given: Partial<Preprocessing> = {}): Preprocessing =>
  preprocessingSchema.parse({ backgroundDegree: 2, polarity: ["light"], contrast: [0.1, 0.5], ...given });
const preprocessed = (image: Float32Array<ArrayBuffer>, preprocessing: Preprocessing, form = grey): Float32Array =>
  prepareBatch(image, form, preprocessing).images;
const meanWhere = (values: Float32Array, where: (i: number) => boolean): number => {
  const chosen = values.filter((_, i) => where(i));
  return chosen.reduce((sum, value) => sum + value, 0) / chosen.length;
};

describe("preprocessImage", () => {
  it.each([
    ["light", 0.3],
    ["dark", -0.25],
  ] as const)("makes %s objects bright on 0", (polarity, contrast) => {
    const result = preprocessed(disc(contrast), parameters({ polarity: [polarity] }));
    expect(meanWhere(result, inDisc)).toBeGreaterThan(0.85);
    expect(meanWhere(result, farFromDisc)).toBeLessThan(0.01);
    expect(Math.min(...result)).toBe(0);
    expect(Math.max(...result)).toBeLessThanOrEqual(1);
  });

  it("gives images of different contrast the same brightness within the bounds, and no more beyond them", () => {
    const brightness = (contrast: number): number =>
      meanWhere(preprocessed(disc(contrast), parameters({ contrast: [0.2, 0.5] })), inDisc);
    expect(brightness(0.4)).toBeCloseTo(brightness(0.25), 1);
    expect(brightness(0.1)).toBeLessThan(0.6);
  });

  it("does not make the noise of an empty image brighter", () => {
    const empty = preprocessed(disc(0, { noise: 0.03 }), parameters());
    expect(meanWhere(empty, () => true)).toBeLessThan(0.01);
  });

  it("treats each channel by its own polarity and ground", () => {
    const image = new Float32Array(3 * PLANE);
    image.set(disc(0.3), 0);
    image.set(disc(-0.3), PLANE);
    image.set(disc(0), 2 * PLANE);
    const result = preprocessed(image, parameters({ polarity: ["light", "dark", "light"] }), {
      imageSize: SIDE,
      channels: 3,
    });
    const brightness = [0, 1, 2].map((c) => meanWhere(result.subarray(c * PLANE, (c + 1) * PLANE), inDisc));
    expect(brightness[0]).toBeGreaterThan(0.8);
    expect(brightness[1]).toBeGreaterThan(0.8);
    expect(brightness[2]).toBeLessThan(0.05);
  });

  it("may write into the image itself, and leaves it alone otherwise", () => {
    const image = disc(0.3);
    const [before, other] = [image.slice(), new Float32Array(PLANE)];
    preprocessImage(image, grey, parameters(), other);
    expect(image).toEqual(before);
    preprocessImage(image, grey, parameters(), image);
    expect(image).toEqual(other);
  });

  it("refuses images with other channels", () => {
    const form = { imageSize: SIDE, channels: 3 };
    expect(() => preprocessed(new Float32Array(3 * PLANE), parameters(), form)).toThrow(/for 1 channel\(s\).*has 3/);
  });
});

describe("restoreImage", () => {
  it.each([
    ["light", 0.3],
    ["dark", -0.25],
  ] as const)("gives %s objects and their ground back", (polarity, contrast) => {
    const image = disc(contrast, { noise: 0.005 });
    const preprocessing = parameters({ polarity: [polarity] });
    const { images, grounds } = prepareBatch(image, grey, preprocessing);
    const restored = restoreImage(images, grounds![0]!, preprocessing);
    const error = restored.map((value, i) => Math.abs(value - image[i]!));
    expect(meanWhere(error, inDisc)).toBeLessThan(0.005);
    expect(meanWhere(error, farFromDisc)).toBeLessThan(0.01);
  });
});

describe("restoreScenes", () => {
  it("puts reconstructions on the ground of their own images, and leaves scenes without pixels alone", () => {
    const both = new Float32Array(2 * PLANE);
    both.set(disc(0.3, { base: 0.3 }));
    both.set(disc(0.3, { base: 0.6 }), PLANE);
    const batch = prepareBatch(both, grey, parameters());
    const scenes = [0, 1].map(() => ({ count: 0, reconstruction: new Float32Array(PLANE) }));
    const [first, second] = restoreScenes(scenes, batch);
    expect(first!.reconstruction[0]).toBeCloseTo(0.3, 1);
    expect(second!.reconstruction[0]).toBeCloseTo(0.6, 1);
    expect(restoreScenes([{ count: 1 }], batch)).toEqual([{ count: 1 }]);
  });

  it("changes nothing without a preprocessing", () => {
    const image = disc(0.3);
    const batch = prepareBatch(image, grey, null);
    expect(batch.images).toBe(image);
    const reconstruction = disc(0.1);
    expect(restoreScenes([{ reconstruction }], batch)[0]!.reconstruction).toBe(reconstruction);
  });
});

describe("preprocessingSchema", () => {
  it("refuses contrasts out of order, unknown keys and other polarities", () => {
    expect(preprocessingSchema.safeParse({ ...parameters(), contrast: [0.5, 0.2] }).success).toBe(false);
    expect(preprocessingSchema.safeParse({ ...parameters(), polarity: ["bright"] }).success).toBe(false);
    expect(preprocessingSchema.safeParse({ ...parameters(), gamma: 1 }).success).toBe(false);
    expect(preprocessingSchema.safeParse(JSON.parse(JSON.stringify(parameters()))).success).toBe(true);
  });
});
