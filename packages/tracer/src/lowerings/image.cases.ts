/** Cases of the kernels that resize images. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, integers, type LoweringCase } from "./lowering.cases.js";

const images = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D;

const samplings: readonly [about: string, alignCorners: boolean, halfPixelCenters: boolean][] = [
  ["plain", false, false],
  ["corners aligned", true, false],
  ["half-pixel centres", false, true],
];
const sizes: readonly [number, number][] = [
  [7, 7],
  [3, 2],
  [1, 9],
];

export const imageCases: LoweringCase[] = [
  ...(["ResizeBilinear", "ResizeNearestNeighbor"] as const).flatMap((kernel) => {
    const resize = kernel === "ResizeBilinear" ? tf.image.resizeBilinear : tf.image.resizeNearestNeighbor;
    return samplings.flatMap(([about, align, half]) =>
      sizes.map((size): LoweringCase => {
        return {
          kernel,
          about: `${about}, to ${size}`,
          // Square and one: the cpu backend's gradients exchange height and width, and mistake later images.
          inputs: [floats([1, 4, 4, 2])],
          run: (x) => resize(images(x), size, align, half),
          gradient: true,
        };
      }),
    );
  }),
  ...(["ResizeBilinear", "ResizeNearestNeighbor"] as const).map((kernel): LoweringCase => {
    const resize = kernel === "ResizeBilinear" ? tf.image.resizeBilinear : tf.image.resizeNearestNeighbor;
    return {
      kernel,
      about: "a symbolic batch",
      inputs: [floats([BATCH, 3, 4, 2])],
      run: (x) => resize(images(x), [6, 5]),
    };
  }),
  {
    kernel: "ResizeNearestNeighbor",
    about: "integers",
    inputs: [integers([1, 2, 3, 1])],
    run: (x) => tf.cast(tf.image.resizeNearestNeighbor(images(x), [4, 5]), "float32"),
  },
  ...(["ResizeBilinear", "ResizeNearestNeighbor"] as const).map((name): LoweringCase => {
    const resize = name === "ResizeBilinear" ? tf.image.resizeBilinear : tf.image.resizeNearestNeighbor;
    return {
      kernel: `${name}Grad`,
      about: "called as the gradient",
      inputs: [floats([1, 3, 3, 1])],
      run: (x) => tf.grad((each) => resize(images(each), [5, 4]))(x!),
    };
  }),
];
