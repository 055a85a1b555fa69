import { describe, expect, it } from "vitest";
import { LoadedModel } from "../src/loaded-model.js";
import type { Manifest } from "../src/manifest.js";
import { RandomStream } from "../src/random.js";
import type { SceneObject } from "../src/scene.js";
import { fitTypicalityLimits, judgeTypicality, LEAST_TYPICALITY_IMAGES, measureTypicality } from "../src/typicality.js";
import { boxFromZWhere, type ZWhere, zWhereFromBox } from "../src/where.js";
import { toyBatch, toyConfig, toyImage, toySessions } from "./toy-model.js";

const SIDE = 20;
const form = { channels: 1, imageSize: SIDE };
const nothing = { objects: [], reconstruction: new Float32Array(SIDE ** 2) };

/** An image whose rectangle of `width` x `height` pixels at (x, y) has the intensity `value`. */
function rectangle(x: number, y: number, width: number, height: number, value = 1): Float32Array {
  return Float32Array.from({ length: SIDE ** 2 }, (_, i) => {
    const [column, row] = [i % SIDE, Math.floor(i / SIDE)];
    return column >= x && column < x + width && row >= y && row < y + height ? value : 0;
  });
}

function objectAt(xmin: number, ymin: number, side: number): SceneObject {
  const zWhere: ZWhere = zWhereFromBox({ xmin, ymin, xmax: xmin + side, ymax: ymin + side }, SIDE);
  const box = boxFromZWhere(zWhere, SIDE);
  return {
    presence: 1,
    score: 1,
    zWhere,
    box,
    tightBox: box,
    mask: new Uint8Array(SIDE ** 2),
    zWhat: new Float32Array(2),
    patch: new Float32Array(4),
  };
}

describe("measureTypicality", () => {
  it("is 0 for a black image", () => {
    expect(measureTypicality(new Float32Array(SIDE ** 2), nothing, form)).toEqual({ unexplained: 0, thickness: 0 });
  });

  it("counts what is not explained, and twice where there is no window", () => {
    const image = rectangle(2, 2, 4, 4);
    const found = (x: number, value: number) => ({
      objects: [objectAt(x, 0, 8)],
      reconstruction: rectangle(2, 2, 4, 4, value),
    });
    expect(measureTypicality(image, nothing, form).unexplained).toBe(32);
    expect(measureTypicality(image, found(0, 0), form).unexplained).toBe(16);
    expect(measureTypicality(image, found(0, 1), form).unexplained).toBe(0);
    expect(measureTypicality(image, found(0, 1.5), form).unexplained).toBe(8);
    // The window covers the right half of the rectangle.
    expect(measureTypicality(image, found(4, 0), form).unexplained).toBe(24);
  });

  it.each([1, 2, 5])("gives the width of a bar of %i pixels, whatever its brightness and place", (width) => {
    const thicknessOf = (image: Float32Array): number => measureTypicality(image, nothing, form).thickness;
    // A bar of length L that is w wide has an area of wL and an outline of 2(w + L).
    const expected = (2 * width * 12) / (2 * (width + 12));
    expect(thicknessOf(rectangle(3, 3, width, 12))).toBeCloseTo(expected, 10);
    expect(thicknessOf(rectangle(3, 3, 12, width, 0.25))).toBeCloseTo(expected, 10);
    expect(thicknessOf(rectangle(SIDE - width, SIDE - 12, width, 12))).toBeCloseTo(expected, 10);
    expect(thicknessOf(rectangle(0, 0, width, 12))).toBeCloseTo(expected, 10);
  });

  it("takes all channels", () => {
    const image = rectangle(2, 2, 4, 4);
    const colour = Float32Array.from([...image, ...rectangle(8, 8, 4, 4), ...new Float32Array(SIDE ** 2)]);
    const measured = measureTypicality(
      colour,
      { objects: [], reconstruction: new Float32Array(3 * SIDE ** 2) },
      { ...form, channels: 3 },
    );
    expect(measured).toEqual({ unexplained: 64, thickness: measureTypicality(image, nothing, form).thickness });
  });
});

describe("fitTypicalityLimits", () => {
  const random = new RandomStream(0, 1);
  const measures = Array.from({ length: 1000 }, () => ({ unexplained: random.uniform(), thickness: random.uniform() }));
  const beyond = (limits: { unexplained: number; thickness: number }, of = measures): number[] => [
    of.filter(({ unexplained }) => unexplained > limits.unexplained).length,
    of.filter(({ thickness }) => thickness > limits.thickness).length,
    of.filter(({ unexplained, thickness }) => unexplained > limits.unexplained || thickness > limits.thickness).length,
  ];

  it("leaves equally many images beyond each limit, and the share beyond any", () => {
    const { images, falseAlarms, limits } = fitTypicalityLimits(measures, 0.05);
    expect({ images, falseAlarms }).toEqual({ images: 1000, falseAlarms: 0.05 });
    const [first, second, any] = beyond(limits);
    expect(first).toBe(second);
    expect(any).toBeLessThanOrEqual(50);
    expect(any).toBeGreaterThan(46);
  });

  it("gives measures that rise together the whole share each", () => {
    const same = measures.map(({ thickness }) => ({ unexplained: thickness, thickness }));
    expect(beyond(fitTypicalityLimits(same, 0.05).limits, same)).toEqual([50, 50, 50]);
  });

  it("calls none of equal images unlike", () => {
    const equal = new Array(LEAST_TYPICALITY_IMAGES).fill({ unexplained: 3, thickness: 2 });
    expect(fitTypicalityLimits(equal).limits).toEqual({ unexplained: 3, thickness: 2 });
  });

  it("refuses too few images and shares that are none", () => {
    expect(() => fitTypicalityLimits(measures.slice(0, LEAST_TYPICALITY_IMAGES - 1))).toThrow(/at least 100 images/);
    for (const share of [0, 1, Number.NaN]) expect(() => fitTypicalityLimits(measures, share)).toThrow(/falseAlarms/);
  });
});

describe("a model's scenes", () => {
  const model = (typicality?: Manifest["typicality"]): LoadedModel<"toy"> => {
    const { encoder, step, decoder } = toySessions();
    const release = async (): Promise<void> => {};
    const sessions = {
      encoder: Object.assign(encoder, { release }),
      step: Object.assign(step, { release }),
      decoder: Object.assign(decoder, { release }),
    };
    const manifest = { name: "toy", model: toyConfig, normalisation: { scale: 255 }, typicality } as Manifest;
    return new LoadedModel(manifest, sessions, "toy");
  };
  const images = toyBatch([toyImage(), toyImage(1), toyImage(1, 1, 1)]);

  it("say with the limits of the manifest whether their images are typical", async () => {
    const without = await model().infer(images);
    const expected = without.map((scene, i) =>
      measureTypicality(images.subarray(16 * i, 16 * (i + 1)), scene, toyConfig),
    );
    const limits = { unexplained: expected[1]!.unexplained, thickness: expected[1]!.thickness };
    const scenes = await model({ images: 1000, falseAlarms: 0.01, limits }).infer(images);
    expect(scenes.map(({ typical }) => typical)).toEqual(
      expected.map((each) => each.unexplained <= limits.unexplained && each.thickness <= limits.thickness),
    );
    expect(scenes[1]!.typical).toBe(true);
    expect(scenes[2]!.typical).toBe(false);
    expect(scenes[2]!.typicality).toEqual({
      unexplained: { value: expected[2]!.unexplained, limit: limits.unexplained },
      thickness: { value: expected[2]!.thickness, limit: limits.thickness },
    });
    expect(scenes.map(({ typical, typicality, ...scene }) => scene)).toEqual(without);
  });

  it("do not say it without limits, nor if their latents were drawn", async () => {
    const limits = { images: 1000, falseAlarms: 0.01, limits: { unexplained: 1, thickness: 1 } };
    for (const scene of await model().infer(images)) expect(scene).not.toHaveProperty("typical");
    for (const scene of await model(limits).infer(images, { mode: "sample" }))
      expect(scene).not.toHaveProperty("typical");
  });
});

it("calls an image typical that has a limit's value but for rounding", () => {
  const limits = { images: 100, falseAlarms: 0.01, limits: { unexplained: 59.45286845, thickness: 2.6 } };
  expect(judgeTypicality({ unexplained: 59.45287467, thickness: 2.6 }, limits).typical).toBe(true);
  expect(judgeTypicality({ unexplained: 59.46, thickness: 2.6 }, limits).typical).toBe(false);
  expect(judgeTypicality({ unexplained: 0, thickness: 2.601 }, limits).typical).toBe(false);
});
