/**
 * Attention: `attend` reads a window of the image, `write` draws a patch into a window.
 *
 * The window z_where = (s, x, y) scales and shifts but does not rotate, so bilinear sampling is separable: one matrix
 * of interpolation weights for the rows and one for the columns, `A_y · X · A_xᵀ`. This equals a spatial transformer
 * (Jaderberg et al., 2015) with zero padding whose coordinates run over [-1, 1] between the outer edges of the image,
 * and needs only batched matrix products.
 */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";

/**
 * Reads the window `zWhere` of the image: the glimpse at u is the image at (u - (x, y)) / s, coordinates in [-1, 1].
 *
 * @param image [B, C, S, S]
 * @param zWhere [B, 3]
 * @returns glimpse, [B, C, O, O], O = `objectSize`
 */
export function attend(image: tf.Tensor, zWhere: tf.Tensor, objectSize: number): tf.Tensor {
  return resample(image, inverse(zWhere), objectSize);
}

/**
 * Draws a patch into the window `zWhere` of an empty image: the image at u is the patch at s·u + (x, y), coordinates in
 * [-1, 1].
 *
 * @param patch [B, C, O, O]
 * @param zWhere [B, 3]
 * @returns [B, C, S, S], S = `imageSize`
 */
export function write(patch: tf.Tensor, zWhere: tf.Tensor, imageSize: number): tf.Tensor {
  return resample(patch, zWhere, imageSize);
}

/**
 * How far a window covers each row and each column of the image: the weights of a white patch written into it. Their
 * product is the share of each pixel that the window covers.
 *
 * @param zWhere [B, 3]
 * @returns `rows` and `columns`, [B, S] each, in [0, 1]
 */
export function windowCoverage(
  zWhere: tf.Tensor,
  { imageSize, objectSize }: Pick<AirConfig, "imageSize" | "objectSize">,
): { rows: tf.Tensor; columns: tf.Tensor } {
  const along = (axis: "x" | "y"): tf.Tensor => tf.sum(interpolationWeights(zWhere, axis, imageSize, objectSize), 2);
  return { rows: along("y"), columns: along("x") };
}

/** The inverse of the map u ↦ s·u + (x, y), as a window: (1/s, -x/s, -y/s), [B, 3]. */
function inverse(zWhere: tf.Tensor): tf.Tensor {
  const [s, shift] = tf.split(zWhere, [1, 2], 1);
  const scale = tf.div(1, s!);
  return tf.concat([scale, tf.neg(tf.mul(shift!, scale))], 1);
}

/**
 * Samples the source bilinearly: the output at u is the source at s·u + (x, y), for (s, x, y) = `window`.
 *
 * @param source [B, C, K, K]
 * @param window [B, 3]
 * @returns [B, C, size, size]
 */
function resample(source: tf.Tensor, window: tf.Tensor, size: number): tf.Tensor {
  const [batch, channels, sourceSize] = source.shape as [number, number, number, number];
  const columns = interpolationWeights(window, "x", size, sourceSize);
  const rows = interpolationWeights(window, "y", size, sourceSize);
  // All channels of an image have the same weights. For the product along the columns, channels stack as rows of one
  // matrix; for the product along the rows, each channel counts as an image of its own.
  const squeezed = tf.matMul(tf.reshape(source, [batch, channels * sourceSize, sourceSize]), columns, false, true);
  const perChannel = tf.reshape(squeezed, [batch * channels, sourceSize, size]);
  const resampled = tf.matMul(repeatForChannels(rows, channels), perChannel);
  return tf.reshape(resampled, [batch, channels, size, size]);
}

/**
 * The weights with which the source's pixels along one axis enter each of the output's.
 *
 * @param window (s, x, y), [B, 3]
 * @param size pixels of the output along the axis
 * @param sourceSize pixels of the source along the axis
 * @returns [B, size, sourceSize]
 */
function interpolationWeights(window: tf.Tensor, axis: "x" | "y", size: number, sourceSize: number): tf.Tensor {
  // From the centre of the source, output pixel i samples at s · centres[i] + shift · pixelsPerUnit, and source pixel j is
  // at j - (sourceSize - 1) / 2. All distances between them are one product with the windows: two operations fewer over the
  // largest tensors of the model than subtracting positions from positions.
  const pixelsPerUnit = sourceSize / 2;
  const centres = Array.from({ length: size }, (_, i) => ((2 * i + 1) / size - 1) * pixelsPerUnit);
  const [same, none] = [new Array<number>(size).fill(pixelsPerUnit), new Array<number>(size).fill(0)];
  const slopes = tf.tensor3d([[centres], axis === "x" ? [same] : [none], axis === "y" ? [same] : [none]]);
  const offsets = Array.from({ length: sourceSize }, (_, j) => (sourceSize - 1) / 2 - j);
  const distances = tf.add(
    tf.matMul(
      window,
      tf.reshape(tf.tile(tf.reshape(slopes, [3, size, 1]), [1, 1, sourceSize]), [3, size * sourceSize]),
    ),
    tf.reshape(tf.tile(tf.tensor2d([offsets]), [size, 1]), [size * sourceSize]),
  );
  return tf.reshape(hat(distances), [window.shape[0]!, size, sourceSize]);
}

/** The weight of linear interpolation at a distance in pixels, max(0, 1 - |distance|), element by element. */
export const hat: (distance: tf.Tensor) => tf.Tensor = tf.customGrad((input, save) => {
  const distance = input as tf.Tensor;
  const weight = tf.relu(tf.sub(1, tf.abs(distance)));
  (save as tf.GradSaveFunc)([distance, weight]);
  return {
    value: weight,
    // The derivative is -sign(distance) where the weight is positive and 0 elsewhere. Clipping a huge multiple of
    // distance · weight gives it in three passes over the largest tensors of the model; differentiating Relu, Sub and Abs
    // one by one takes nine.
    gradFunc: (dy: tf.Tensor, [d, w]: tf.Tensor[]) => tf.mul(dy, tf.clipByValue(tf.mul(tf.mul(d!, w!), -HUGE), -1, 1)),
  };
});

/** A factor that takes every product distance · weight that matters beyond ±1, without overflow. */
const HUGE = 1e30;

/** Repeats each image's weights for its channels: [B, R, K] → [B·C, R, K]. */
function repeatForChannels(weights: tf.Tensor, channels: number): tf.Tensor {
  if (channels === 1) return weights;
  const [batch, rows, columns] = weights.shape as [number, number, number];
  const repeated = tf.mul(tf.expandDims(weights, 1), tf.ones([channels, 1, 1]));
  return tf.reshape(repeated, [batch * channels, rows, columns]);
}
