/** Cases of the kernels that take pixels at computed places. tfjs has no gradients of them. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, type CaseInput, floats, given, integers, type LoweringCase } from "./lowering.cases.js";

const images = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D;

/** Boxes `[y1, x1, y2, x2]`: the whole image, a part, a part mirrored, over the edge, outside. */
const boxes = given([5, 4], [0, 0, 1, 1, 0.1, 0.25, 0.8, 0.6, 0.9, 0.7, 0.2, 0.1, -0.3, 0.4, 0.7, 1.6, 1.1, 0, 1.4, 1]);
const crop =
  (size: [number, number], method: "bilinear" | "nearest", fill?: number) =>
  (image?: tf.Tensor, box?: tf.Tensor, of?: tf.Tensor): tf.Tensor =>
    tf.image.cropAndResize(images(image), box as tf.Tensor2D, of as tf.Tensor1D, size, method, fill);

/** Coefficients of a projection: identity, shifted, turned and scaled, sheared, with perspective. */
const transforms: Readonly<Record<string, number[]>> = {
  identity: [1, 0, 0, 0, 1, 0, 0, 0],
  shifted: [1, 0, 1.25, 0, 1, -2.5, 0, 0],
  turned: [0.8, -0.6, 2, 0.6, 0.8, -1, 0, 0],
  "far off": [3, 0.5, -9, -0.7, 2.5, -7, 0, 0],
  perspective: [1, 0.1, 0, 0.2, 1.1, -1, -0.25, 0.125],
};
const numbers = (...names: string[]): CaseInput =>
  given(
    [names.length, 8],
    names.flatMap((name) => transforms[name]!),
  );

export const warpCases: LoweringCase[] = [
  ...(["bilinear", "nearest"] as const).flatMap((method): LoweringCase[] =>
    (
      [
        [5, 4],
        [3, 3],
        [1, 7],
        [2, 1],
      ] as [number, number][]
    ).map((size) => {
      return {
        kernel: "CropAndResize",
        about: `${method}, to ${size}`,
        // The last two boxes are of images 1 and, which is none, 3.
        inputs: [floats([2, 6, 5, 3]), boxes, given([5], [0, 1, 0, 1, 3], "int32")],
        run: crop(size, method, -7),
      };
    }),
  ),
  {
    kernel: "CropAndResize",
    about: "whole images to many sizes, whose last places are on the edge",
    inputs: [floats([1, 14, 23, 1]), given([1, 4], [0, 0, 1, 1]), given([1], [0], "int32")],
    run: (image, box, of) =>
      tf.concat(
        Array.from({ length: 40 }, (_, i) => tf.reshape(crop([i + 2, 41 - i], "bilinear", 100)(image, box, of), [-1])),
      ),
  },
  {
    kernel: "CropAndResize",
    about: "boxes of a symbolic batch, from whole numbers",
    inputs: [integers([BATCH, 4, 4, 2], 0, 255), floats([BATCH, 4], -0.2, 1.2), integers([BATCH], 0, 0)],
    run: crop([3, 2], "bilinear"),
  },

  ...(["nearest", "bilinear"] as const).flatMap((interpolation) =>
    (["constant", "reflect", "wrap", "nearest"] as const).flatMap((mode) =>
      Object.keys(transforms).map((name): LoweringCase => {
        return {
          kernel: "Transform",
          about: `${interpolation}, beyond the edge ${mode}, ${name}`,
          // One image: the cpu backend leaves the others out.
          inputs: [floats([1, 5, 7, 2]), numbers(name)],
          run: (image, by) => tf.image.transform(images(image), by as tf.Tensor2D, interpolation, mode, 0.5),
        };
      }),
    ),
  ),
  {
    kernel: "Transform",
    about: "images with a transform each, of which the last leaves nothing",
    inputs: [floats([2, 5, 7, 2]), given([2, 8], [...transforms.turned!, 1, 0, 100, 0, 1, 0, 0, 0])],
    run: (image, by) => tf.image.transform(images(image), by as tf.Tensor2D, "bilinear", "constant", 3),
  },
  {
    kernel: "Transform",
    about: "to another size",
    inputs: [floats([1, 5, 4, 1]), numbers("turned")],
    run: (image, by) => tf.image.transform(images(image), by as tf.Tensor2D, "bilinear", "reflect", 0, [8, 3]),
  },
  {
    kernel: "Transform",
    about: "an image of one pixel",
    inputs: [floats([1, 1, 1, 1]), numbers("turned")],
    run: (image, by) => tf.image.transform(images(image), by as tf.Tensor2D, "bilinear", "wrap", 0, [3, 3]),
  },

  ...[0, 0.4, -2, Math.PI].map((radians): LoweringCase => {
    return {
      kernel: "RotateWithOffset",
      about: `by ${radians}, a symbolic batch`,
      inputs: [floats([BATCH, 5, 6, 2])],
      run: (image) => tf.image.rotateWithOffset(images(image), radians, 0.25, 0.5),
    };
  }),
  {
    kernel: "RotateWithOffset",
    about: "colours and opacity in the corners, round another centre",
    inputs: [floats([1, 4, 5, 4])],
    run: (image) => tf.image.rotateWithOffset(images(image), 0.7, [10, 20, 30], [0.2, 0.6]),
  },
];
