import { parseAirConfig } from "@air-onnx/core";
import { expect, it } from "vitest";
import { differentPlaces, withoutPlaces } from "../src/equal-places.js";

const local = parseAirConfig({
  imageSize: 20,
  imagePooling: 2,
  objectSize: 8,
  embeddingSize: 0,
  lstmInput: { type: "image", convolution: null },
  glimpseInput: "remainder",
  stepNetwork: { type: "local", kernel: 3, stride: 2, contextKernel: 3, channels: [4, 4] },
  where: { type: "bounded", side: [6, 10], centre: "free" },
});

/** A step of three images, whose windows have the given middles, and one value of presence each. */
const stepOf = (tfjs: readonly number[], onnx: readonly number[]) => {
  const outputs = (xs: readonly number[]) => ({
    z_where_mean: Float32Array.from(xs.flatMap((x) => [0.1, x, 0.2])),
    next_canvas: Float32Array.from(xs.flatMap((x) => [x, 0])),
    presence_logit: Float32Array.from([1, 2, 3]),
  });
  return { tfjs: outputs(tfjs), onnx: outputs(onnx) };
};

it("finds the images for which two programs took different places, a distance of 0.4 apart", () => {
  expect(differentPlaces(local, stepOf([0.1, 0.1, 0.1], [0.1001, 0.5, -0.7]))).toEqual([1, 2]);
  expect(differentPlaces(parseAirConfig({}), stepOf([0.1, 0.1, 0.1], [0.1, 0.5, -0.7]))).toEqual([]);
});

it("leaves out what depends on the place for these images alone", () => {
  const step = stepOf([0.1, 0.1, 0.1], [0.1, 0.5, 0.1]);
  expect(withoutPlaces(step, 3, [])).toBe(step);
  const { onnx, tfjs } = withoutPlaces(step, 3, [1]);
  for (const values of [onnx, tfjs]) {
    expect(values.next_canvas).toEqual(Float32Array.from([0.1, 0, 0.1, 0]));
    expect(values.presence_logit).toHaveLength(3);
  }
});
