/** Kernels that training needs and the wasm backend of tfjs lacks, built from kernels that it has. */
import * as tf from "@tensorflow/tfjs";

/** The attributes of tfjs's kernel Conv2DBackpropFilter, without the data format, which is NHWC in this project. */
interface FilterGradientAttributes {
  readonly strides: [number, number] | number;
  readonly pad: Parameters<typeof tf.backend_util.computeConv2DInfo>[4];
  readonly filterShape: [number, number, number, number];
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

/** Registers the missing kernels with tfjs. Kernels that are registered already are left alone. */
export function addWasmKernels(): void {
  const kernelName = "Conv2DBackpropFilter";
  if (tf.getKernel(kernelName, "wasm")) return;
  tf.registerKernel({
    kernelName,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) =>
      filterGradient(inputs.x as tf.Tensor4D, inputs.dy as tf.Tensor4D, attrs as unknown as FilterGradientAttributes),
  });
}

/**
 * The gradient of a convolution with respect to its filter, as one matrix product: [places, kh · kw · C]ᵀ · [places,
 * O], where each place of the filter has a row with the pixels under the filter.
 *
 * @param x input of the convolution, [B, H, W, C]
 * @param dy gradient of its output, [B, H', W', O]
 * @returns [kh, kw, C, O]
 */
function filterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  { strides, pad, filterShape, dimRoundingMode }: FilterGradientAttributes,
): tf.Tensor4D {
  return tf.tidy(() => {
    const { padInfo, batchSize, inChannels, outHeight, outWidth, outChannels, ...info } =
      tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad, dimRoundingMode);
    const { top, bottom, left, right } = padInfo;
    const padded = tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
    const places = batchSize * outHeight * outWidth;
    const pixels: tf.Tensor2D[] = [];
    for (let row = 0; row < info.filterHeight; row++) {
      for (let column = 0; column < info.filterWidth; column++) {
        const end = [row + (outHeight - 1) * info.strideHeight + 1, column + (outWidth - 1) * info.strideWidth + 1];
        const under = tf.stridedSlice(
          padded,
          [0, row, column, 0],
          [batchSize, ...end, inChannels],
          [1, info.strideHeight, info.strideWidth, 1],
        );
        pixels.push(tf.reshape(under, [places, inChannels]));
      }
    }
    const sums = tf.matMul(tf.concat(pixels, 1), tf.reshape(dy, [places, outChannels]), true);
    return tf.reshape(sums, filterShape);
  });
}
