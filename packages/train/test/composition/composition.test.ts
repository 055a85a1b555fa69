import { RandomStream } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { type CompositionPlan, composeImage } from "../../src/composition/compose.js";
import { Composer } from "../../src/composition/composer.js";
import { type CutOut, cutOutOf, cutOutsApart } from "../../src/composition/cut-outs.js";
import { parseTrainConfig } from "../../src/config.js";

const form = { imageSize: 20, channels: 1 } as const;

/** An image with value `value` at the pixels of a rectangle. */
function rectangle(left: number, top: number, width: number, height: number, value: number): Float32Array {
  const image = new Float32Array(form.imageSize ** 2);
  for (let y = top; y < top + height; y++) image.fill(value, y * 20 + left, y * 20 + left + width);
  return image;
}

const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);

describe("cutOutOf", () => {
  it("takes the pixels that the reconstruction covers, and two around them", () => {
    const image = rectangle(5, 6, 4, 3, 0.8);
    // Something that the model did not see, far from what it did.
    image[15 * 20 + 15] = 1;
    const { width, height, pixels } = cutOutOf(image, rectangle(6, 7, 2, 1, 0.5), form)!;
    expect([width, height]).toEqual([4, 3]);
    expect([...pixels].every((value) => Math.abs(value - 0.8) < 1e-6)).toBe(true);
  });

  it("leaves out what is farther away, and takes all channels", () => {
    const one = rectangle(5, 6, 4, 3, 0.8);
    const image = Float32Array.from([...one, ...one.map((value) => value / 2)]);
    const drawn = Float32Array.from([...new Float32Array(400), ...rectangle(0, 6, 4, 3, 1)]);
    const { width, height, pixels } = cutOutOf(image, drawn, { imageSize: 20, channels: 2 })!;
    expect([width, height, pixels.length]).toEqual([1, 3, 6]);
    expect(pixels[0]).toBeCloseTo(0.8, 6);
    expect(pixels[5]).toBeCloseTo(0.4, 6);
  });

  it("finds nothing where nothing is drawn, or nothing is lit", () => {
    const image = rectangle(5, 6, 4, 3, 0.8);
    expect(cutOutOf(image, new Float32Array(400), form)).toBeUndefined();
    expect(cutOutOf(new Float32Array(400), image, form)).toBeUndefined();
  });
});

describe("cutOutsApart", () => {
  it("takes the objects that no other touches", () => {
    const [a, b, c] = [rectangle(1, 1, 3, 3, 0.9), rectangle(12, 12, 4, 3, 0.8), rectangle(17, 13, 2, 5, 0.7)];
    const after = (...layers: Float32Array[]) =>
      layers.reduce((sum, layer) => sum.map((value, i) => value + layer[i]!), new Float32Array(400));
    const cutOuts = cutOutsApart(after(a, b, c), [after(a), after(a, b), after(a, b, c)], form);
    expect(cutOuts.map(({ width, height }) => [width, height])).toEqual([[3, 3]]);
    expect(cutOutsApart(after(a, b), [after(a), after(a, b)], form)).toHaveLength(2);
  });
});

describe("composeImage", () => {
  const cutOuts: CutOut[] = [
    { pixels: new Float32Array(12).fill(0.7), width: 4, height: 3 },
    { pixels: new Float32Array(10).fill(0.6), width: 2, height: 5 },
  ];
  const plan: CompositionPlan = { ...form, maxObjects: 4, overlap: "redraw", objectSide: 6 };

  function compose(seed: number, overrides: Partial<CompositionPlan> = {}) {
    const layers = new Float32Array(4 * 400);
    const count = composeImage(layers, cutOuts, { ...plan, ...overrides }, new RandomStream(seed));
    const objects = Array.from({ length: 4 }, (_, i) => layers.subarray(i * 400, (i + 1) * 400));
    return { count, objects };
  }

  it("pastes whole objects, as many as it says, in the first layers", () => {
    const totals = new Array<number>(5).fill(0);
    for (let seed = 0; seed < 400; seed++) {
      const { count, objects } = compose(seed);
      totals[count]! += 1;
      objects.forEach((object, i) => {
        const ink = sum(object);
        if (i >= count) expect(ink).toBe(0);
        else expect(Math.min(Math.abs(ink - 8.4), Math.abs(ink - 6))).toBeLessThan(1e-4);
      });
    }
    expect(totals[0]! / 400).toBeCloseTo(0.1, 1);
    expect(totals[1]! / 400).toBeCloseTo(0.2, 1);
    for (const count of [2, 3, 4]) expect(totals[count]!).toBeGreaterThan(60);
  });

  it("never exceeds full intensity unless that is cut off", () => {
    let brightest = 0;
    for (let seed = 0; seed < 200; seed++) {
      const most = (overlap: "redraw" | "clip"): number => {
        const { objects } = compose(seed, { overlap });
        const total = objects.reduce((all, object) => all.map((value, i) => value + object[i]!), new Float32Array(400));
        return total.reduce((a, b) => Math.max(a, b), 0);
      };
      expect(most("redraw")).toBeLessThan(1 + 1e-5);
      brightest = Math.max(brightest, most("clip"));
    }
    expect(brightest).toBeGreaterThan(1.2);
  });

  it("takes fewer objects where so many never fit", () => {
    const whole: CutOut = { pixels: new Float32Array(400).fill(0.9), width: 20, height: 20 };
    for (let seed = 0; seed < 20; seed++) {
      const layers = new Float32Array(4 * 400);
      const count = composeImage(layers, [whole], plan, new RandomStream(seed));
      expect(count).toBeLessThanOrEqual(1);
      expect(sum(layers)).toBeCloseTo(count * 360, 1);
    }
  });

  it("depends on the random stream alone", () => {
    expect(compose(7)).toEqual(compose(7));
    expect(compose(7)).not.toEqual(compose(8));
  });
});

describe("Composer", () => {
  const config = parseTrainConfig({ dataset: "multi-strokes", architecture: "local", batchSize: 8 });
  const cutOuts: CutOut[] = [{ pixels: new Float32Array(4).fill(0.5), width: 2, height: 2 }];
  const composer = () => new Composer(config, { images: 3, objects: 2 }, cutOuts);

  it("gives each step its own images, whatever is asked for together, and reuses arrays", () => {
    const together = composer().compose(4, 3);
    const size = together.length / 3;
    for (let step = 0; step < 3; step++) {
      expect(composer().compose(4 + step, 1)).toEqual(together.slice(step * size, (step + 1) * size));
    }
    const past = together.slice();
    const again = composer().compose(9, 3, past);
    expect(again).toBe(past);
    expect(again).toEqual(composer().compose(9, 3));
  });
});
