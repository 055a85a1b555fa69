/**
 * Attention: reading a window of the image (`attend`) and writing a patch into it (`write`).
 *
 * z_where = (s, x, y) only scales and shifts, so bilinear sampling is separable: one matrix of hat weights for the rows
 * and one for the columns, `A_y · X · A_xᵀ`. This equals a spatial transformer (Jaderberg et al., 2015) with zero
 * padding whose coordinates run over [-1, 1] between the outer edges of the image, and needs nothing but a batched matrix product.
 */
import * as tf from "@tensorflow/tfjs";

/**
 * Reads the window `zWhere` of the image: output pixel u is the image at (u - (x, y)) / s.
 *
 * @param image [B, C, S, S]
 * @param zWhere [B, 3]
 * @returns glimpse [B, C, O, O], O = `objectSize`
 */
export function attend(image: tf.Tensor, zWhere: tf.Tensor, objectSize: number): tf.Tensor {
  const imageSize = image.shape[2]!;
  const [s, x, y] = tf.split(zWhere, 3, 1);
  const pixelsPerUnit = tf.div(imageSize / 2, s!);
  const centres = pixelCentres(objectSize);
  const weights = (shift: tf.Tensor): tf.Tensor => {
    const position = tf.add(tf.mul(tf.sub(centres, shift), pixelsPerUnit), (imageSize - 1) / 2);
    return hatWeights(position, imageSize);
  };
  return resample(image, weights(y!), weights(x!));
}

/**
 * Writes a patch into the window `zWhere` of an otherwise empty image: image pixel u is the patch at s·u + (x, y).
 *
 * @param patch [B, C, O, O]
 * @param zWhere [B, 3]
 * @returns [B, C, S, S], S = `imageSize`
 */
export function write(patch: tf.Tensor, zWhere: tf.Tensor, imageSize: number): tf.Tensor {
  const objectSize = patch.shape[2]!;
  const [s, x, y] = tf.split(zWhere, 3, 1);
  const scaled = tf.mul(pixelCentres(imageSize), s!);
  const weights = (shift: tf.Tensor): tf.Tensor => {
    const position = tf.add(tf.mul(tf.add(scaled, shift), objectSize / 2), (objectSize - 1) / 2);
    return hatWeights(position, objectSize);
  };
  return resample(patch, weights(y!), weights(x!));
}

/**
 * Weights of linear interpolation: `[b, i, j] = max(0, 1 - |positions[b, i] - j|)`; rows outside the source are zero.
 *
 * @param positions [B, R], in pixels of the source, whose pixel centres are 0 … size - 1
 * @returns [B, R, size]
 */
export function hatWeights(positions: tf.Tensor, size: number): tf.Tensor {
  const distance = tf.abs(tf.sub(tf.expandDims(positions, 2), tf.tensor1d([...new Array(size).keys()])));
  return tf.relu(tf.sub(1, distance));
}

/** `rows · source · columnsᵀ` in every channel: [B, R, K], [B, C, K, L], [B, Q, L] → [B, C, R, Q]. */
function resample(source: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor): tf.Tensor {
  const [batch, channels, height, width] = source.shape as [number, number, number, number];
  const outHeight = rows.shape[1]!;
  const outWidth = columns.shape[1]!;
  // The channels share their weights: for the columns they stack as rows of one product, for the rows they are further images of the batch.
  const squeezed = tf.matMul(tf.reshape(source, [batch, channels * height, width]), columns, false, true);
  const perChannel = tf.reshape(squeezed, [batch * channels, height, outWidth]);
  const resampled = tf.matMul(repeatForChannels(rows, channels), perChannel);
  return tf.reshape(resampled, [batch, channels, outHeight, outWidth]);
}

/** [B, R, K] → [B·C, R, K]. */
function repeatForChannels(weights: tf.Tensor, channels: number): tf.Tensor {
  if (channels === 1) return weights;
  const [batch, rows, columns] = weights.shape as [number, number, number];
  const repeated = tf.mul(tf.expandDims(weights, 1), tf.ones([channels, 1, 1]));
  return tf.reshape(repeated, [batch * channels, rows, columns]);
}

/** Centres of `size` pixels that share [-1, 1]: shape [size]. */
function pixelCentres(size: number): tf.Tensor1D {
  return tf.tensor1d(Array.from({ length: size }, (_, i) => (2 * i + 1) / size - 1));
}
