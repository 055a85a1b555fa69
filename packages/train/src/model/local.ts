/**
 * The local step network: two convolutions over the image and the remainder (the image minus the canvas) give features for
 * each place of a coarse grid, and a value: how many nats an object drawn there would gain. The step looks at the place of
 * the highest value, and reads presence and window off the features there.
 *
 * It has no memory and no absolute coordinates. What it knows of the objects before is what the remainder and the image
 * show where it looks, so one more step asks the same question once more, at any count and in an image of any size.
 *
 * No gradient flows through the choice of the place: the value is trained by regression, see `optimal-count.ts`.
 */
import { type AirConfig, type LocalStepNetwork, placesOf } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { stdFromRaw } from "./distributions.js";
import { dense, mlp, reluLayer } from "./layers.js";
import { type ParameterTensors, parameter } from "./parameters.js";
import { draw, type Proposal, zWhereFromLatent } from "./posterior.js";
import { pooledPixels } from "./seen.js";
import { stopGradient } from "./stop-gradient.js";

/** Shape of the noise with which a step chooses its place, without the batch. */
export function placeNoiseShape(config: AirConfig): [number] {
  const { stepNetwork } = config;
  if (stepNetwork.type !== "local") throw new Error("Only a local step network chooses places");
  return [placesOf(config, stepNetwork) ** 2];
}

/**
 * The image's share of the first convolution's sums.
 *
 * @param image [B, C, S, S]
 * @returns [B, places, places, channels]
 */
export function localImageGates(
  p: ParameterTensors,
  config: AirConfig,
  network: LocalStepNetwork,
  image: tf.Tensor,
): tf.Tensor {
  const { kernel, stride } = network;
  const pixels = pooledPlanes(config, image);
  const sums = convolution(pixels, parameter(p, "detector.image_kernel"), kernel, stride);
  return tf.add(sums, parameter(p, "detector.bias"));
}

/**
 * Presence and window of the next object.
 *
 * @param image [B, C, S, S]
 * @param remainder image minus canvas, [B, C, S, S]
 * @param imageGates see {@link localImageGates}
 * @param eps standard normal noise, [B, 3]
 * @param placeNoise added to the values when the best place is chosen, [B, places²]
 */
export function proposeLocally(
  p: ParameterTensors,
  config: AirConfig,
  network: LocalStepNetwork,
  image: tf.Tensor,
  remainder: tf.Tensor,
  imageGates: tf.Tensor,
  eps: tf.Tensor,
  placeNoise: tf.Tensor | undefined,
): Proposal {
  const batch = remainder.shape[0]!;
  const best = stopGradient(() => bestPlaces(p, config, network, remainder, imageGates, placeNoise));
  const features = featuresAt(p, config, network, best, [image, remainder]);
  const value = dense(features, parameter(p, "detector.value_kernel"), parameter(p, "detector.value_bias"));
  const [presence, rawMean, rawStd] = tf.split(mlp(p, "predictor", features), [1, 3, 3], 1);

  // Offsets and standard deviations of the centre are in units of the distance between two places.
  const { spacing, centres } = placeCentres(config, network);
  const [priorMean, priorStd] = [tf.tensor1d(config.prior.whereMean), tf.tensor1d(config.prior.whereStd)];
  const unit = tf.tensor1d([config.prior.whereStd[0], spacing, spacing]);
  const origin = tf.add(tf.matMul(best, tf.tensor2d(centres)), tf.tensor1d([config.prior.whereMean[0], 0, 0]));
  const mean = tf.add(origin, tf.mul(rawMean!, unit));
  const std = tf.mul(stdFromRaw(rawStd!), unit);
  return {
    presenceLogit: tf.reshape(presence!, [batch]),
    zWhere: {
      mean,
      std,
      sample: zWhereFromLatent(config, draw(mean, std, eps)),
      standardMean: tf.div(tf.sub(mean, priorMean), priorStd),
      standardStd: tf.div(std, priorStd),
    },
    value: tf.reshape(value, [batch]),
  };
}

/** The place of the highest value plus noise, one-hot, [B, places²]. */
function bestPlaces(
  p: ParameterTensors,
  config: AirConfig,
  network: LocalStepNetwork,
  remainder: tf.Tensor,
  imageGates: tf.Tensor,
  placeNoise: tf.Tensor | undefined,
): tf.Tensor {
  const { kernel, stride, contextKernel } = network;
  const [batch, places] = [remainder.shape[0]!, placesOf(config, network) ** 2];
  const pixels = pooledPlanes(config, remainder);
  const sums = convolution(pixels, parameter(p, "detector.remainder_kernel"), kernel, stride);
  const seen = tf.relu(tf.add(imageGates, sums));
  const context = convolution(seen, parameter(p, "detector.context_kernel"), contextKernel, 1);
  const features = tf.relu(tf.add(context, parameter(p, "detector.context_bias")));
  const flat = tf.reshape(features, [batch * places, network.channels[1]]);
  const values = tf.reshape(tf.matMul(flat, parameter(p, "detector.value_kernel")), [batch, places]);
  const chosen = tf.argMax(placeNoise === undefined ? values : tf.add(values, placeNoise), 1);
  return tf.cast(tf.oneHot(chosen as tf.Tensor1D, places), "float32");
}

/**
 * The features at one place of each image, [B, channels]: the same numbers as those of the whole map, of which only this
 * place's have a gradient. Computing them again from the pixels that they depend on costs less than a gradient through the
 * map.
 *
 * @param best one-hot, [B, places²]
 * @param images the image and the remainder, [B, C, S, S] each; no gradient flows to them
 */
function featuresAt(
  p: ParameterTensors,
  config: AirConfig,
  network: LocalStepNetwork,
  best: tf.Tensor,
  images: readonly [image: tf.Tensor, remainder: tf.Tensor],
): tf.Tensor {
  const { kernel, stride, contextKernel, channels } = network;
  const batch = best.shape[0]!;
  const side = placesOf(config, network);
  const pixels = config.imageSize / config.imagePooling;
  const grid = tf.reshape(best, [batch, side, side]);
  const around = contextKernel ** 2;
  const near = (contextKernel - 1) / 2;
  // Row r of what the features depend on is row `stride · place - reach + r` of the image, and 0 beyond it.
  const reach = (kernel - 1) / 2 + stride * near;
  const seenSide = kernel + stride * (contextKernel - 1);
  const rowOf = (place: number, row: number): number => stride * place - reach + row;
  const selections = tf.tensor2d(
    Array.from({ length: side }, (_, place) =>
      Array.from({ length: seenSide * pixels }, (_, i) => Number(rowOf(place, Math.floor(i / pixels)) === i % pixels)),
    ),
  );
  const isPlace = tf.tensor2d(
    Array.from({ length: side }, (_, place) =>
      Array.from({ length: contextKernel }, (_, i) => Number(place + i - near >= 0 && place + i - near < side)),
    ),
  );
  const windows = stopGradient(() => {
    const [rows, columns] = [tf.sum(grid, 2), tf.sum(grid, 1)].map((places) =>
      tf.reshape(tf.matMul(places, selections), [batch, seenSide, pixels]),
    );
    const planes = tf.concat(
      images.map((image) => tf.reshape(pooledPixels(config, image), [batch, config.channels, pixels, pixels])),
      1,
    );
    const cut = (plane: tf.Tensor): tf.Tensor =>
      tf.matMul(tf.matMul(rows!, tf.reshape(plane, [batch, pixels, pixels])), columns!, false, true);
    const all = tf.stack(tf.split(planes, 2 * config.channels, 1).map(cut), 3);
    return tf.reshape(neighbourhoods(all, kernel, stride), [batch * around, kernel ** 2, 2, config.channels]);
  });
  const inside = stopGradient(() => {
    const [rows, columns] = [tf.sum(grid, 2), tf.sum(grid, 1)].map((places) => tf.matMul(places, isPlace));
    return tf.reshape(tf.mul(tf.expandDims(rows!, 2), tf.expandDims(columns!, 1)), [batch * around, 1]);
  });
  const [ofImage, ofRemainder] = tf
    .split(windows, 2, 2)
    .map((part) => tf.reshape(part, [batch * around, kernel ** 2 * config.channels]));
  const sums = tf.add(
    dense(ofImage!, parameter(p, "detector.image_kernel"), parameter(p, "detector.bias")),
    tf.matMul(ofRemainder!, parameter(p, "detector.remainder_kernel")),
  );
  const seen = tf.mul(tf.relu(sums), inside);
  return reluLayer(p, "detector.context", tf.reshape(seen, [batch, around * channels[0]]));
}

/** Pooled image, channels last, [B, side, side, C]. */
function pooledPlanes(config: AirConfig, image: tf.Tensor): tf.Tensor {
  const [batch, side] = [image.shape[0]!, config.imageSize / config.imagePooling];
  const pixels = pooledPixels(config, image);
  if (config.channels === 1) return tf.reshape(pixels, [batch, side, side, 1]);
  return tf.transpose(tf.reshape(pixels, [batch, config.channels, side, side]), [0, 2, 3, 1]);
}

/**
 * A convolution whose kernel is centred on every `stride`th pixel; beyond the border pixels are 0.
 *
 * @param input [B, side, side, inputs]
 * @param weights [kernel² · inputs, outputs], its rows in the order rows, columns, inputs
 * @returns [B, ⌈side / stride⌉, ⌈side / stride⌉, outputs]
 */
function convolution(input: tf.Tensor, weights: tf.Tensor, kernel: number, stride: number): tf.Tensor {
  const [inputs, outputs] = [input.shape[3]!, weights.shape[1]!];
  const filters = tf.reshape(weights, [kernel, kernel, inputs, outputs]) as tf.Tensor4D;
  const border: [number, number] = [(kernel - 1) / 2, (kernel - 1) / 2];
  return tf.conv2d(input as tf.Tensor4D, filters, stride, [[0, 0], border, border, [0, 0]]);
}

/**
 * What a convolution's kernel sees at each of its positions, `stride` pixels apart, without a border.
 *
 * @param input [B, side, side, channels]; no gradient flows to it
 * @returns [B, positions, positions, kernel² · channels], the last axis in the order rows, columns, channels
 */
function neighbourhoods(input: tf.Tensor, kernel: number, stride: number): tf.Tensor {
  return gathered(gathered(input, 2, kernel, stride), 1, kernel, stride);
}

/** Puts the `kernel` neighbours along an axis beside each other on the last axis. */
function gathered(input: tf.Tensor, axis: 1 | 2, kernel: number, stride: number): tf.Tensor {
  const positions = Math.floor((input.shape[axis]! - kernel) / stride) + 1;
  const shifted = Array.from({ length: kernel }, (_, shift) => {
    const begin = input.shape.map((_, i) => (i === axis ? shift : 0));
    const end = input.shape.map((side, i) => (i === axis ? shift + (positions - 1) * stride + 1 : side));
    const strides = input.shape.map((_, i) => (i === axis ? stride : 1));
    return tf.stridedSlice(input, begin, end, strides);
  });
  return tf.concat(shifted, 3);
}

/**
 * Centres of the places as latents of z_where without a size, (0, x, y), and the distance between two neighbours, all in
 * halves of the image's side from its centre.
 */
function placeCentres(
  config: AirConfig,
  network: LocalStepNetwork,
): { spacing: number; centres: [number, number, number][] } {
  const { imageSize, imagePooling } = config;
  const side = placesOf(config, network);
  const pixels = network.stride * imagePooling;
  const spacing = (2 * pixels) / imageSize;
  const coordinate = (index: number): number => index * spacing + imagePooling / imageSize - 1;
  const centres = Array.from({ length: side ** 2 }, (_, place): [number, number, number] => [
    0,
    -coordinate(place % side),
    -coordinate(Math.floor(place / side)),
  ]);
  return { spacing, centres };
}
