import { describe, expect, it } from "vitest";
import { type AttentionStep, recordAttention } from "../../src/pictures/attention-record.js";
import { type AttendedImage, attentionSheet } from "../../src/pictures/attention-sheet.js";
import type { Colour, PixelSheet } from "../../src/pictures/pixel-sheet.js";
import { stepColours } from "../../src/pictures/scene-picture.js";

const form = { imageSize: 20, objectSize: 8, channels: 1, scale: 4 };
const level = (value: number, size = 400): Float32Array => new Float32Array(size).fill(value);
const step = (changes: Partial<AttentionStep> = {}): AttentionStep => ({
  presence: 0.98,
  box: { xmin: 5, ymin: 8, xmax: 10, ymax: 13 },
  glimpse: level(0.6, 64),
  patch: level(0.8, 64),
  canvas: level(0.2),
  ...changes,
});
const attended = (changes: Partial<AttendedImage> = {}): AttendedImage => ({
  image: level(1),
  steps: [step(), step({ presence: 0.01, canvas: level(0.4) })],
  count: 1,
  ...changes,
});

/** The number of pixels of `colour`, and the first of them by rows. */
function find(picture: PixelSheet, colour: Colour): { x: number; y: number; pixels: number } {
  let [x, y, pixels] = [Number.NaN, Number.NaN, 0];
  for (let i = 0; i < picture.width * picture.height; i++) {
    const at = [i % picture.width, Math.floor(i / picture.width)] as const;
    if (picture.pixel(...at).join() !== colour.join()) continue;
    if (pixels++ === 0) [x, y] = at;
  }
  return { x, y, pixels };
}

const grey = (value: number): Colour => [Math.round(255 * value), Math.round(255 * value), Math.round(255 * value)];
const [first, second] = stepColours as [Colour, Colour];
const inactive: Colour = [139, 146, 158];
const red: Colour = [255, 92, 64];

describe("attentionSheet", () => {
  const picture = attentionSheet([attended()], form);

  it("shows the input, then the canvas after each step from left to right, then the residual", () => {
    const canvas = [find(picture, grey(0.2)), find(picture, grey(0.4))];
    const input = find(picture, grey(1));
    expect(canvas[0]!.y).toBe(input.y);
    const columns = [input, ...canvas].map(({ x }) => x);
    expect(columns[1]! - columns[0]!).toBe(columns[2]! - columns[1]!);
    // 80 x 80 pixels each, less the outline of a 20-pixel window, 2 pixels thick.
    for (const { pixels } of canvas) expect(pixels).toBe(6400 - 144);
    // The residual is the same everywhere: 1 - 0.2, the value of the first canvas, as one object counts.
    const residual = find(picture, [0.8 * 255, Math.round(0.8 * 170), Math.round(0.8 * 60)]);
    expect(residual).toEqual({ x: columns[2]! + columns[1]! - columns[0]!, y: input.y, pixels: 6400 });
  });

  it("outlines each step's window on its canvas, those of objects in their colour, others in grey", () => {
    const canvas = find(picture, grey(0.2));
    expect(picture.pixel(canvas.x + 20, canvas.y + 32)).toEqual(first);
    expect(picture.pixel(canvas.x + 39, canvas.y + 51)).toEqual(first);
    expect(picture.pixel(canvas.x + 22, canvas.y + 34)).toEqual(grey(0.2));
    const next = find(picture, grey(0.4));
    expect(picture.pixel(next.x + 20, next.y + 32)).toEqual(inactive);
    expect(find(picture, second).pixels).toBe(0);
  });

  it("puts glimpse and patch of a step below its canvas", () => {
    const canvas = find(picture, grey(0.2));
    const glimpse = find(picture, grey(0.6));
    const patch = find(picture, grey(0.8));
    expect(glimpse.x).toBe(canvas.x);
    expect(glimpse.y).toBeGreaterThan(canvas.y + 80);
    expect(patch.y).toBe(glimpse.y);
    // 72 pixels for both: 8 pixels at 5 to 1 come nearest. Two steps have one each.
    for (const { pixels } of [glimpse, patch]) expect(pixels).toBe(2 * 40 * 40);
  });

  it("numbers the windows of objects on the input, and keeps the number on the image", () => {
    const input = find(picture, grey(1));
    const tag = find(picture, first);
    expect(tag.x).toBe(input.x + 20);
    expect(tag.y).toBeLessThan(input.y + 32);
    const atEdge = attentionSheet(
      [attended({ steps: [step({ box: { xmin: -9, ymin: -9, xmax: 4, ymax: 4 } })] })],
      form,
    );
    const cornerTag = find(atEdge, first);
    expect([cornerTag.x, cornerTag.y]).toEqual([input.x, input.y]);
  });

  it("writes a wrong count in red, and tells every step's probability", () => {
    expect(find(picture, red).pixels).toBe(0);
    expect(find(attentionSheet([attended({ trueCount: 2 })], form), red).pixels).toBeGreaterThan(0);
    const other = attentionSheet([attended({ steps: [step({ presence: 0.5 }), ...attended().steps.slice(1)] })], form);
    expect(Buffer.compare(other.data, picture.data)).not.toBe(0);
  });

  it("shows the surplus of the canvas in blue, and takes RGB images and images without objects", () => {
    const [image, canvas] = [new Float32Array(1200), new Float32Array(1200)];
    // Channels that are wrong in opposite ways do not cancel.
    image.fill(0.5, 0, 400);
    canvas.fill(1, 400, 800);
    const rgb = { glimpse: level(0, 192), patch: level(0, 192), canvas };
    const sheet = (count: number): PixelSheet =>
      attentionSheet([{ image, steps: [step(rgb)], count }], { ...form, channels: 3 });
    expect(find(sheet(1), [70, 150, 255]).pixels).toBe(6400);
    expect(find(sheet(0), [Math.round(127.5), 85, 30]).pixels).toBe(6400);
  });

  it("has a row for each image", () => {
    const two = attentionSheet([attended(), attended()], form);
    expect(find(two, grey(0.2)).pixels).toBe(2 * find(picture, grey(0.2)).pixels);
    expect(two.width).toBe(picture.width);
  });

  it("refuses no images, and more objects than steps", () => {
    expect(() => attentionSheet([], form)).toThrow("at least one image");
    expect(() => attentionSheet([attended({ count: 3 })], form)).toThrow("There are 2 steps, so 3 cannot be objects");
  });
});

describe("recordAttention", () => {
  it("sorts batches of steps by image, and copies them", () => {
    const record = recordAttention({ imageSize: 2, objectSize: 1, channels: 1 });
    const report = (firstImage: number, step: number, images: number) => ({
      step,
      firstImage,
      presence: Float64Array.from({ length: images }, (_, i) => (firstImage + i) / 10),
      zWhere: Float32Array.from({ length: 3 * images }, (_, i) => [2, 0, 0][i % 3]!),
      zWhat: new Float32Array(images),
      glimpse: Float32Array.from({ length: images }, (_, i) => firstImage + i),
      patch: Float32Array.from({ length: images }, () => step),
      canvas: new Float32Array(4 * images),
      kl: new Float64Array(images),
      logLikelihood: new Float32Array(images),
    });
    const batch = report(0, 1, 2);
    record.onStep(batch);
    batch.glimpse.fill(99);
    record.onStep(report(0, 2, 2));
    record.onStep(report(2, 1, 1));
    expect(record.stepsOf(1).map(({ patch }) => patch[0])).toEqual([1, 2]);
    expect(record.stepsOf(1)[0]).toMatchObject({ presence: 0.1, box: { xmin: 0.5, ymin: 0.5, xmax: 1.5, ymax: 1.5 } });
    expect(record.stepsOf(1)[0]!.glimpse).toEqual(Float32Array.of(1));
    expect(record.stepsOf(2)).toHaveLength(1);
    expect(record.stepsOf(3)).toEqual([]);
  });
});
