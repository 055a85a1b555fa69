/**
 * The LSTM of the paper's step network.
 *
 * Gates, [B, 4H], are the sums that enter the LSTM's nonlinearities. The gates of a step add up three parts:
 * `seenGates`, from what the step sees; a part from the latents of the previous step; and a part from the hidden state
 * of the previous step. A step sees the image, the remainder (the image minus the canvas), or both, see
 * `lstmInput`. `imageGates` are the part of `seenGates` that depends on the image alone, computed once for all
 * steps.
 */
import { type AirConfig, type Convolution, convolutionOf } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { stdFromRaw } from "./distributions.js";
import { dense, mlp, reluLayer } from "./layers.js";
import { convolutionPlaces, type ParameterTensors, parameter } from "./parameters.js";
import { draw, type Proposal, zWhereFromLatent } from "./posterior.js";
import { pooledPixels, remainderOf } from "./seen.js";

/** State of the LSTM and latents that one step passes to the next. */
export interface LstmState {
  /** Hidden state of the LSTM, [B, H]. */
  readonly hidden: tf.Tensor;
  /** Cell state of the LSTM, [B, H]. */
  readonly cell: tf.Tensor;
  /** Sampled window, [B, 3]. */
  readonly zWhere: tf.Tensor;
  /** Sampled appearance, [B, Z]. */
  readonly zWhat: tf.Tensor;
  /** [B, 1]: 1 where the step found an object, else 0. */
  readonly presence: tf.Tensor;
}

/**
 * The part of the seen gates that depends on the image alone, which all steps share. Usually these are the gates of the
 * whole image. If steps see the remainder alone, through an embedding, they are the image's part of the embedding's
 * pre-activations, from which each step subtracts the canvas's part.
 *
 * @param image [B, C, S, S]
 * @returns [B, 4H] or [B, embeddingSize]
 */
export function lstmImageGates(p: ParameterTensors, config: AirConfig, image: tf.Tensor): tf.Tensor {
  if (config.lstmInput.type !== "remainder" || config.embeddingSize === 0)
    return wholeImageGatesOf(p, config, image, "lstm");
  return dense(pooledPixels(config, image), parameter(p, "lstm.embedding_kernel"), parameter(p, "lstm.embedding_bias"));
}

/**
 * The seen gates of a step that sees the whole image.
 *
 * @param image [B, C, S, S]
 * @param network prefix of the recurrent network's parameters, such as `lstm` of `lstm.image_kernel`
 * @returns [B, 4H]
 */
export function wholeImageGatesOf(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  network: string,
): tf.Tensor {
  return dense(
    embed(p, config, image, network),
    parameter(p, `${network}.image_kernel`),
    parameter(p, `${network}.bias`),
  );
}

/**
 * The features of an image that enter the gates: its pooled pixels, after the convolution and the embedding if the model
 * has them.
 *
 * @param image [B, C, S, S]
 * @param network prefix of the recurrent network's parameters, such as `lstm` of `lstm.embedding_kernel`
 * @returns [B, features]
 */
function embed(p: ParameterTensors, config: AirConfig, image: tf.Tensor, network: string): tf.Tensor {
  const pooled = pooledPixels(config, image);
  const convolution = convolutionOf(config.lstmInput);
  const seen = convolution === null ? pooled : convolve(p, config, convolution, pooled, network);
  return config.embeddingSize === 0 ? seen : reluLayer(p, `${network}.embedding`, seen);
}

/**
 * A convolution, then 1 x 1 convolutions, each with ReLUs.
 *
 * @param pixels pooled image, [B, C · (S / imagePooling)²]
 * @returns all channels of all P x P places of the kernel, [B, P² · (last of `channels`)]
 */
function convolve(
  p: ParameterTensors,
  config: AirConfig,
  convolution: Convolution,
  pixels: tf.Tensor,
  network: string,
): tf.Tensor {
  const { kernel, stride, channels } = convolution;
  const batch = pixels.shape[0]!;
  const side = config.imageSize / config.imagePooling;
  const places = convolutionPlaces(config, convolution);
  const planes = tf.reshape(pixels, [batch, config.channels, side, side]);
  const layer = (index: number): string => `${network}.convolution${index}`;
  const filters = tf.reshape(parameter(p, `${layer(0)}_kernel`), [kernel, kernel, config.channels, channels[0]!]);
  const image = tf.transpose(planes, [0, 2, 3, 1]) as tf.Tensor4D;
  const sums = tf.conv2d(image, filters as tf.Tensor4D, stride, "valid");
  // The remaining convolutions are 1 x 1: products with a matrix that has one row for each place of each image.
  let rows = tf.reshape(sums, [batch * places ** 2, channels[0]!]);
  rows = tf.relu(tf.add(rows, parameter(p, `${layer(0)}_bias`)));
  for (let i = 1; i < channels.length; i++) rows = reluLayer(p, layer(i), rows);
  return tf.reshape(rows, [batch, places ** 2 * channels.at(-1)!]);
}

/**
 * The gates from what one step sees: the image, the remainder, or both. If the step sees the remainder alone, the first
 * layer is applied to image and canvas separately and the results are subtracted, which is the same because the layer
 * is linear: the image's part is then computed once for all steps. In this case, unlike with {@link remainderOf},
 * gradients flow through the canvas to the steps that drew it.
 *
 * @param imageGates see {@link lstmImageGates}
 * @param canvas drawing of the previous steps, [B, C, S, S]; undefined at the first step
 * @returns [B, 4H]
 */
function seenGatesOf(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  imageGates: tf.Tensor,
  canvas: tf.Tensor | undefined,
): tf.Tensor {
  if (config.lstmInput.type === "image") return imageGates;
  if (config.lstmInput.type === "image-and-remainder") {
    const remainder = embed(p, config, remainderOf(image, canvas), "lstm");
    return tf.add(imageGates, tf.matMul(remainder, parameter(p, "lstm.remainder_kernel")));
  }
  const isEmbedded = config.embeddingSize > 0;
  const firstKernel = parameter(p, isEmbedded ? "lstm.embedding_kernel" : "lstm.image_kernel");
  const remainder =
    canvas === undefined ? imageGates : tf.sub(imageGates, tf.matMul(pooledPixels(config, canvas), firstKernel));
  return isEmbedded
    ? dense(tf.relu(remainder), parameter(p, "lstm.image_kernel"), parameter(p, "lstm.bias"))
    : remainder;
}

/**
 * One step of an LSTM whose inputs are the seen gates and the previous step's latents.
 *
 * @param seenGates [B, 4H], see {@link seenGatesOf}
 * @param previous state and latents of the previous step; undefined at the first step: zeros, with presence 1
 * @param network prefix of the recurrent network's parameters, such as `lstm` of `lstm.latent_kernel`
 * @returns hidden and cell state, [B, H] each
 */
export function lstmStep(
  p: ParameterTensors,
  seenGates: tf.Tensor,
  previous: LstmState | undefined,
  network = "lstm",
): { hidden: tf.Tensor; cell: tf.Tensor } {
  const latentKernel = parameter(p, `${network}.latent_kernel`);
  if (previous === undefined) {
    // Of the latents only presence is not zero, and it is the same for every image: one row serves the whole batch.
    const latents = tf.tensor2d(
      [...new Array<number>(latentKernel.shape[0]! - 1).fill(0), 1],
      [1, latentKernel.shape[0]!],
    );
    const gates = tf.add(seenGates, tf.matMul(latents, latentKernel));
    const [input, , candidate, output] = tf.split(gates, 4, 1);
    const cell = tf.mul(tf.sigmoid(input!), tf.tanh(candidate!));
    return { hidden: tf.mul(tf.sigmoid(output!), tf.tanh(cell)), cell };
  }
  const latents = tf.concat([previous.zWhere, previous.zWhat, previous.presence], 1);
  const gates = tf.add(
    tf.add(seenGates, tf.matMul(latents, latentKernel)),
    tf.matMul(previous.hidden, parameter(p, `${network}.recurrent_kernel`)),
  );
  const [input, forget, candidate, output] = tf.split(gates, 4, 1);
  const cell = tf.add(tf.mul(tf.sigmoid(forget!), previous.cell), tf.mul(tf.sigmoid(input!), tf.tanh(candidate!)));
  return { hidden: tf.mul(tf.sigmoid(output!), tf.tanh(cell)), cell };
}

/**
 * Presence and window of the next object.
 *
 * @param image [B, C, S, S]
 * @param imageGates see {@link lstmImageGates}
 * @param previous state and latents of the previous step; undefined at the first step
 * @param canvas objects drawn so far, [B, C, S, S]; undefined at the first step
 * @param eps standard normal noise, [B, 3]
 */
export function proposeByLstm(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  imageGates: tf.Tensor,
  previous: LstmState | undefined,
  canvas: tf.Tensor | undefined,
  eps: tf.Tensor,
): Proposal {
  const memory = lstmStep(p, seenGatesOf(p, config, image, imageGates, canvas), previous);
  const [presence, rawMean, rawStd] = tf.split(mlp(p, "predictor", memory.hidden), [1, 3, 3], 1);
  const priorMean = tf.tensor1d(config.prior.whereMean);
  const priorStd = tf.tensor1d(config.prior.whereStd);
  const softStd = stdFromRaw(rawStd!);
  const offset = config.where.type !== "absolute";
  const mean = offset ? tf.add(rawMean!, priorMean) : rawMean!;
  const std = offset ? tf.mul(softStd, priorStd) : softStd;
  return {
    presenceLogit: tf.reshape(presence!, [presence!.shape[0]!]),
    zWhere: {
      mean,
      std,
      sample: zWhereFromLatent(config, draw(mean, std, eps)),
      standardMean: tf.div(offset ? rawMean! : tf.sub(rawMean!, priorMean), priorStd),
      standardStd: offset ? softStd : tf.div(softStd, priorStd),
    },
    memory,
  };
}
