/**
 * Attend-Infer-Repeat (Eslami et al., NIPS 2016): the recurrent inference network and the decoder, as pure functions of
 * parameters, images and noise. Nothing here reads a value or keeps state, so the same code runs eagerly, under gradients, and under tracing to ONNX.
 *
 * Letters: B batch, C channels, S image side, O object side, T steps, H LSTM units, Z size of z_what.
 *
 * Gates, [B, 4H], are the sums that the LSTM's nonlinearities take. Those of a step are `seenGates`, of what the step sees,
 * plus the gates of the latents and of the state before it. A step sees the image, what the canvas leaves of it, or both;
 * `imageGates` are the part of that which depends on the image alone and is computed once for all steps.
 */
import { type AirConfig, type Convolution, convolutionOf, UNIFORM_FROM_NORMAL } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { attend, write } from "./attention.js";
import { klFromStandardNormal, stdFromRaw } from "./distributions.js";
import { drawOn, logLikelihood } from "./likelihood.js";
import { convolutionPlaces, type ParameterTensors, parameter } from "./parameters.js";
import { stopGradient } from "./stop-gradient.js";

/** A diagonal normal posterior and a draw from it, each [B, D]. */
export interface Posterior {
  readonly mean: tf.Tensor;
  readonly std: tf.Tensor;
  /** mean + std · noise; of z_where, if `where` is bounded, the window made of that. */
  readonly sample: tf.Tensor;
  /** KL from the prior, [B], nats. */
  readonly kl: tf.Tensor;
}

/** What one step hands to the next. */
export interface StepState {
  /** [B, H] */
  readonly hidden: tf.Tensor;
  /** [B, H] */
  readonly cell: tf.Tensor;
  /** [B, 3] */
  readonly zWhere: tf.Tensor;
  /** [B, Z] */
  readonly zWhat: tf.Tensor;
  /** [B, 1]: 1 where the step found an object, else 0. */
  readonly presence: tf.Tensor;
}

/** Standard normal noise of one step: [B, 3] and [B, Z]. Zeros give the posterior means. */
export interface StepNoise {
  readonly epsWhere: tf.Tensor;
  readonly epsWhat: tf.Tensor;
}

/** What one step infers about the next object, before anything is drawn. */
export interface StepInference {
  /** [B, H] */
  readonly hidden: tf.Tensor;
  /** [B, H] */
  readonly cell: tf.Tensor;
  /** [B]: log-odds that there is one more object, given that all before it are present. */
  readonly presenceLogit: tf.Tensor;
  readonly zWhere: Posterior;
  readonly zWhat: Posterior;
  /** [B, C, O, O] */
  readonly glimpse: tf.Tensor;
}

/**
 * The part of the gates that all steps share: the gates of the whole image; or, if a step takes its canvas off the image in
 * front of a hidden layer of ReLUs, what the image adds to that layer's inputs.
 *
 * @param image [B, C, S, S]
 * @returns [B, 4H] or [B, embeddingSize]
 */
export function imageGatesOf(p: ParameterTensors, config: AirConfig, image: tf.Tensor): tf.Tensor {
  if (config.lstmInput.type !== "remainder" || config.embeddingSize === 0)
    return wholeImageGatesOf(p, config, image, "lstm");
  return dense(pooledPixels(config, image), parameter(p, "lstm.embedding_kernel"), parameter(p, "lstm.embedding_bias"));
}

/**
 * The seen gates of a step that sees the whole image.
 *
 * @param image [B, C, S, S]
 * @param network of whose parameters `network`.image_kernel is one
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

/** An image as a recurrent network sees it: [B, C, S, S] → its pooled pixels, what a convolution makes of them, or an embedding. */
function embed(p: ParameterTensors, config: AirConfig, image: tf.Tensor, network: string): tf.Tensor {
  const pooled = pooledPixels(config, image);
  const convolution = convolutionOf(config.lstmInput);
  const seen = convolution === null ? pooled : convolve(p, config, convolution, pooled, network);
  return config.embeddingSize === 0 ? seen : reluLayer(p, `${network}.embedding`, seen);
}

/**
 * @param pixels of the pooled image, [B, C · (S / imagePooling)²]
 * @returns all channels of all places, [B, P² · last of `channels`]
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
  // The places of all images are the rows of one matrix from here on.
  let rows = tf.reshape(sums, [batch * places ** 2, channels[0]!]);
  rows = tf.relu(tf.add(rows, parameter(p, `${layer(0)}_bias`)));
  for (let i = 1; i < channels.length; i++) rows = reluLayer(p, layer(i), rows);
  return tf.reshape(rows, [batch, places ** 2 * channels.at(-1)!]);
}

function reluLayer(p: ParameterTensors, name: string, input: tf.Tensor): tf.Tensor {
  return tf.relu(dense(input, parameter(p, `${name}_kernel`), parameter(p, `${name}_bias`)));
}

/**
 * The gates of what one step sees: of the whole image, of what the canvas leaves of it, or of both. Where the first layer sees
 * the remainder alone, the canvas is taken off behind it, as it is linear.
 *
 * @param imageGates see {@link imageGatesOf}
 * @param canvas what the steps before drew, [B, C, S, S]; undefined if nothing
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
 * What is left to explain, [B, C, S, S]: an observation like the image, so what earlier steps draw is not trained by how it
 * looks to later ones.
 */
function remainderOf(image: tf.Tensor, canvas: tf.Tensor | undefined): tf.Tensor {
  return canvas === undefined ? image : stopGradient(() => tf.sub(image, canvas));
}

/**
 * The means of squares of `imagePooling` pixels, times their side: so independent pixels keep their variance, and the first
 * layer the size of its slopes.
 *
 * @param image [B, C, S, S]
 * @returns [B, C · (S / imagePooling)²]
 */
function pooledPixels({ imagePooling: side }: AirConfig, image: tf.Tensor): tf.Tensor {
  const [batch, channels, size] = image.shape as [number, number, number, number];
  const pixels = [batch, channels * (size / side) ** 2];
  if (side === 1) return tf.reshape(image, pixels);
  const planes = tf.reshape(image, [batch * channels, size, size, 1]) as tf.Tensor4D;
  return tf.mul(tf.reshape(tf.avgPool(planes, side, side, "valid"), pixels), side);
}

/**
 * One step of the recurrent network.
 *
 * @param seenGates [B, 4H], see {@link seenGatesOf}
 * @param previous undefined at the first step, which starts from zeros and presence 1
 * @param network of whose parameters `network`.latent_kernel is one
 */
export function lstmStep(
  p: ParameterTensors,
  seenGates: tf.Tensor,
  previous: StepState | undefined,
  network = "lstm",
): { hidden: tf.Tensor; cell: tf.Tensor } {
  const latentKernel = parameter(p, `${network}.latent_kernel`);
  if (previous === undefined) {
    // The only input that is not zero is presence, the same in every image: no product with the whole batch is needed.
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
 * One inference step: recur → predict presence and where → attend → encode what.
 *
 * @param image [B, C, S, S]
 * @param imageGates see {@link imageGatesOf}
 * @param previous undefined at the first step
 * @param canvas of the objects so far, [B, C, S, S]; undefined at the first step
 */
export function inferStep(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  imageGates: tf.Tensor,
  previous: StepState | undefined,
  canvas: tf.Tensor | undefined,
  noise: StepNoise,
): StepInference {
  const { hidden, cell } = lstmStep(p, seenGatesOf(p, config, image, imageGates, canvas), previous);
  const { presenceLogit, zWhere } = predict(p, config, hidden, noise.epsWhere);
  const subject = config.glimpseInput === "remainder" ? remainderOf(image, canvas) : image;
  const glimpse = attend(subject, zWhere.sample, config.objectSize);
  const zWhat = encode(p, config, glimpse, noise.epsWhat);
  return { hidden, cell, presenceLogit, zWhere, zWhat, glimpse };
}

/** Presence and where of the next object, from the recurrent state [B, H]. */
function predict(
  p: ParameterTensors,
  config: AirConfig,
  hidden: tf.Tensor,
  eps: tf.Tensor,
): { presenceLogit: tf.Tensor; zWhere: Posterior } {
  const [presence, rawMean, rawStd] = tf.split(mlp(p, "predictor", hidden), [1, 3, 3], 1);
  const priorMean = tf.tensor1d(config.prior.whereMean);
  const priorStd = tf.tensor1d(config.prior.whereStd);
  const softStd = stdFromRaw(rawStd!);
  const offset = config.where.type !== "absolute";
  const mean = offset ? tf.add(rawMean!, priorMean) : rawMean!;
  const std = offset ? tf.mul(softStd, priorStd) : softStd;
  const standardMean = tf.div(offset ? rawMean! : tf.sub(rawMean!, priorMean), priorStd);
  const standardStd = offset ? softStd : tf.div(softStd, priorStd);
  return {
    presenceLogit: tf.reshape(presence!, [presence!.shape[0]!]),
    zWhere: {
      mean,
      std,
      sample: zWhereOf(config, draw(mean, std, eps)),
      kl: klFromStandardNormal(standardMean, standardStd),
    },
  };
}

/** `zWhereFromLatent` of @air-onnx/core, [B, 3] → [B, 3]. */
export function zWhereOf({ where, imageSize }: AirConfig, latent: tf.Tensor): tf.Tensor {
  if (where.type !== "bounded") return latent;
  const [size, centre] = tf.split(tf.tanh(tf.mul(latent, UNIFORM_FROM_NORMAL)), [1, 2], 1);
  const [least, most] = where.side;
  const s = tf.div(imageSize, tf.add(tf.mul(size!, (most - least) / 2), (most + least) / 2));
  return tf.concat([s, tf.mul(s, centre!)], 1);
}

/** What a glimpse [B, C, O, O] shows. */
function encode(p: ParameterTensors, config: AirConfig, glimpse: tf.Tensor, eps: tf.Tensor): Posterior {
  const pixels = config.channels * config.objectSize ** 2;
  const [mean, rawStd] = tf.split(mlp(p, "encoder", tf.reshape(glimpse, [glimpse.shape[0]!, pixels])), 2, 1);
  const std = stdFromRaw(rawStd!);
  return { mean: mean!, std, sample: draw(mean!, std, eps), kl: klFromStandardNormal(mean!, std) };
}

/**
 * What the object `zWhat` looks like.
 *
 * @param zWhat [B, Z]
 * @returns patch [B, C, O, O] in (0, 1)
 */
export function decode(p: ParameterTensors, config: AirConfig, zWhat: tf.Tensor): tf.Tensor {
  const hidden = reluLayer(p, "decoder.hidden", zWhat);
  const bias = tf.add(parameter(p, "decoder.output_bias"), config.decoderBias);
  const pixels = tf.sigmoid(dense(hidden, parameter(p, "decoder.output_kernel"), bias));
  return tf.reshape(pixels, [zWhat.shape[0]!, config.channels, config.objectSize, config.objectSize]);
}

/** T steps over an image, each conditional on all objects before it being present. */
export interface Trajectory {
  readonly steps: readonly StepInference[];
  /** What each step drew: T tensors [B, C, O, O]. */
  readonly patches: readonly tf.Tensor[];
  /** Canvas after each step: T tensors [B, C, S, S]. The canvas before the first step is black. */
  readonly canvases: readonly tf.Tensor[];
  /** log p(image | canvas after n steps), n = 0..T, [T + 1, B]. */
  readonly logLikelihood: tf.Tensor;
  /** [T, B] */
  readonly presenceLogit: tf.Tensor;
  /** KL of each step's posterior from its prior, [T, B]. */
  readonly klWhere: tf.Tensor;
  /** [T, B] */
  readonly klWhat: tf.Tensor;
}

/**
 * Runs all T steps with presence fed as 1.
 *
 * @param image [B, C, S, S]
 * @param noise standard normal, [T, B, 3] and [T, B, Z]
 */
export function inferTrajectory(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  noise: { readonly epsWhere: tf.Tensor; readonly epsWhat: tf.Tensor },
): Trajectory {
  const batch = image.shape[0]!;
  const imageGates = imageGatesOf(p, config, image);
  const epsWhere = tf.unstack(noise.epsWhere, 0);
  const epsWhat = tf.unstack(noise.epsWhat, 0);
  const present = tf.ones([batch, 1]);

  const steps: StepInference[] = [];
  let patches: tf.Tensor[] = [];
  const canvases: tf.Tensor[] = [];
  const drawStep = (t: number): void => {
    const layer = write(patches[t]!, steps[t]!.zWhere.sample, config.imageSize);
    canvases.push(t === 0 ? layer : drawOn(config, canvases[t - 1]!, layer));
  };
  // Where no step waits for what another draws, one product for all is faster than one for each.
  const drawsAtOnce = config.maxSteps > 1 && config.lstmInput.type === "image" && config.glimpseInput === "image";
  let previous: StepState | undefined;
  for (let t = 0; t < config.maxSteps; t++) {
    const stepNoise = { epsWhere: epsWhere[t]!, epsWhat: epsWhat[t]! };
    const step = inferStep(p, config, image, imageGates, previous, canvases[t - 1], stepNoise);
    steps.push(step);
    if (!drawsAtOnce) {
      patches.push(decode(p, config, step.zWhat.sample));
      drawStep(t);
    }
    const { hidden, cell, zWhere, zWhat } = step;
    previous = { hidden, cell, zWhere: zWhere.sample, zWhat: zWhat.sample, presence: present };
  }
  if (drawsAtOnce) {
    const whats = steps.map(({ zWhat }) => zWhat.sample);
    patches = tf.split(decode(p, config, tf.concat(whats)), config.maxSteps);
    for (const t of steps.keys()) drawStep(t);
  }
  return {
    steps,
    patches,
    canvases,
    logLikelihood: tf.stack([undefined, ...canvases].map((canvas) => logLikelihood(config, image, canvas))),
    presenceLogit: tf.stack(steps.map((step) => step.presenceLogit)),
    klWhere: tf.stack(steps.map((step) => step.zWhere.kl)),
    klWhat: tf.stack(steps.map((step) => step.zWhat.kl)),
  };
}

/** A draw from N(mean, std²) by the reparameterisation trick. */
function draw(mean: tf.Tensor, std: tf.Tensor, eps: tf.Tensor): tf.Tensor {
  return tf.add(mean, tf.mul(std, eps));
}

/** The perceptron with one hidden layer of ReLUs whose parameters are `name`.hidden_kernel and so on. */
export function mlp(p: ParameterTensors, name: string, input: tf.Tensor): tf.Tensor {
  const hidden = reluLayer(p, `${name}.hidden`, input);
  return dense(hidden, parameter(p, `${name}.output_kernel`), parameter(p, `${name}.output_bias`));
}

function dense(input: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return tf.add(tf.matMul(input, kernel), bias);
}
