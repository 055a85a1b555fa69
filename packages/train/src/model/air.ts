/**
 * Attend-Infer-Repeat (Eslami et al., NIPS 2016): the recurrent inference network and the decoder, as pure functions of
 * parameters, images and noise. They read no value of a tensor and keep no state, so the same code runs eagerly, under
 * differentiation, and under tracing to ONNX.
 *
 * Letters in shapes: B batch, C channels, S image side, O object side, T steps, H LSTM units, Z size of z_what. The
 * argument `p` holds the parameters by name, see {@link parameter}.
 *
 * Gates, [B, 4H], are the sums that enter the LSTM's nonlinearities. The gates of a step add up three parts:
 * `seenGates`, from what the step sees; a part from the latents of the previous step; and a part from the hidden state
 * of the previous step. A step sees the image, the remainder (the image minus the canvas), or both, see
 * `lstmInput`. `imageGates` are the part of `seenGates` that depends on the image alone, computed once for all
 * steps.
 */
import { type AirConfig, type Convolution, convolutionOf, UNIFORM_FROM_NORMAL } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { attend, write } from "./attention.js";
import { klFromStandardNormal, stdFromRaw } from "./distributions.js";
import { drawOn, logLikelihood } from "./likelihood.js";
import { convolutionPlaces, type ParameterTensors, parameter } from "./parameters.js";
import { stopGradient } from "./stop-gradient.js";

/** A diagonal normal posterior q and a draw from it. */
export interface Posterior {
  /** [B, D] */
  readonly mean: tf.Tensor;
  /** Standard deviations, [B, D]. */
  readonly std: tf.Tensor;
  /** mean + std · noise, [B, D]. For z_where this is passed through {@link zWhereFromLatent}. */
  readonly sample: tf.Tensor;
  /** The mean in units of the prior, (mean - its mean) / its standard deviation, [B, D]. */
  readonly standardMean: tf.Tensor;
  /** The standard deviations in units of the prior's, [B, D]. */
  readonly standardStd: tf.Tensor;
}

/** KL(q ‖ prior), [B], nats. */
export function klFromPrior({ standardMean, standardStd }: Posterior): tf.Tensor {
  return klFromStandardNormal(standardMean, standardStd);
}

/** State and latents that one step passes to the next. */
export interface StepState {
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

/** Standard normal noise of one step. Zeros give the posterior means. */
export interface StepNoiseTensors {
  /** [B, 3] */
  readonly epsWhere: tf.Tensor;
  /** [B, Z] */
  readonly epsWhat: tf.Tensor;
}

/** Inference of one step about the next object, before the object is drawn. */
export interface StepInference {
  /** Hidden state of the LSTM, [B, H]. */
  readonly hidden: tf.Tensor;
  /** Cell state of the LSTM, [B, H]. */
  readonly cell: tf.Tensor;
  /** Log-odds that there is one more object, given that all objects before it are present, [B]. */
  readonly presenceLogit: tf.Tensor;
  /** Posterior of the window, D = 3. */
  readonly zWhere: Posterior;
  /** Posterior of the appearance, D = Z. */
  readonly zWhat: Posterior;
  /** Image in the sampled window, [B, C, O, O]. */
  readonly glimpse: tf.Tensor;
}

/**
 * The part of the seen gates that depends on the image alone, which all steps share. Usually these are the gates of the
 * whole image. If steps see the remainder alone, through an embedding, they are the image's part of the embedding's
 * pre-activations, from which each step subtracts the canvas's part.
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

function reluLayer(p: ParameterTensors, name: string, input: tf.Tensor): tf.Tensor {
  return tf.relu(dense(input, parameter(p, `${name}_kernel`), parameter(p, `${name}_bias`)));
}

/**
 * The gates from what one step sees: the image, the remainder, or both. If the step sees the remainder alone, the first
 * layer is applied to image and canvas separately and the results are subtracted, which is the same because the layer
 * is linear: the image's part is then computed once for all steps. In this case, unlike with {@link remainderOf},
 * gradients flow through the canvas to the steps that drew it.
 *
 * @param imageGates see {@link imageGatesOf}
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
 * The remainder: the image minus the canvas, [B, C, S, S]. It counts as an observation, like the image: no gradient
 * flows through it to the steps that drew the canvas.
 */
function remainderOf(image: tf.Tensor, canvas: tf.Tensor | undefined): tf.Tensor {
  return canvas === undefined ? image : stopGradient(() => tf.sub(image, canvas));
}

/**
 * Average pooling over squares of `imagePooling` x `imagePooling` pixels, times `imagePooling`. The factor keeps the
 * variance of independent pixels, and so the scale of the first layer's gradients.
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
  previous: StepState | undefined,
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
 * One inference step: LSTM → presence and z_where → glimpse → z_what.
 *
 * @param image [B, C, S, S]
 * @param imageGates see {@link imageGatesOf}
 * @param previous state and latents of the previous step; undefined at the first step
 * @param canvas objects drawn so far, [B, C, S, S]; undefined at the first step
 */
export function inferStep(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  imageGates: tf.Tensor,
  previous: StepState | undefined,
  canvas: tf.Tensor | undefined,
  noise: StepNoiseTensors,
): StepInference {
  const { hidden, cell } = lstmStep(p, seenGatesOf(p, config, image, imageGates, canvas), previous);
  const { presenceLogit, zWhere } = predict(p, config, hidden, noise.epsWhere);
  const subject = config.glimpseInput === "remainder" ? remainderOf(image, canvas) : image;
  const glimpse = attend(subject, zWhere.sample, config.objectSize);
  const zWhat = encode(p, config, glimpse, noise.epsWhat);
  return { hidden, cell, presenceLogit, zWhere, zWhat, glimpse };
}

/**
 * Presence and window of the next object, from the hidden state.
 *
 * @param hidden [B, H]
 * @param eps standard normal noise, [B, 3]
 */
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
      sample: zWhereFromLatent(config, draw(mean, std, eps)),
      standardMean,
      standardStd,
    },
  };
}

/**
 * The windows that latents stand for: `zWhereFromLatent` of @air-onnx/core for a batch of tensors.
 *
 * @param latent [B, 3]
 * @returns z_where, [B, 3]
 */
export function zWhereFromLatent({ where, imageSize }: AirConfig, latent: tf.Tensor): tf.Tensor {
  if (where.type !== "bounded") return latent;
  const [size, centre] = tf.split(tf.tanh(tf.mul(latent, UNIFORM_FROM_NORMAL)), [1, 2], 1);
  const [least, most] = where.side;
  const s = tf.div(imageSize, tf.add(tf.mul(size!, (most - least) / 2), (most + least) / 2));
  return tf.concat([s, tf.mul(s, centre!)], 1);
}

/**
 * Appearance z_what of the object in a glimpse.
 *
 * @param glimpse [B, C, O, O]
 * @param eps standard normal noise, [B, Z]
 */
function encode(p: ParameterTensors, config: AirConfig, glimpse: tf.Tensor, eps: tf.Tensor): Posterior {
  const pixels = config.channels * config.objectSize ** 2;
  const [mean, rawStd] = tf.split(mlp(p, "encoder", tf.reshape(glimpse, [glimpse.shape[0]!, pixels])), 2, 1);
  const std = stdFromRaw(rawStd!);
  return { mean: mean!, std, sample: draw(mean!, std, eps), standardMean: mean!, standardStd: std };
}

/**
 * The decoder: patches of objects from their z_what.
 *
 * @param zWhat [B, Z]
 * @returns [B, C, O, O], intensities in (0, 1)
 */
export function decode(p: ParameterTensors, config: AirConfig, zWhat: tf.Tensor): tf.Tensor {
  const hidden = reluLayer(p, "decoder.hidden", zWhat);
  const bias = tf.add(parameter(p, "decoder.output_bias"), config.decoderBias);
  const pixels = tf.sigmoid(dense(hidden, parameter(p, "decoder.output_kernel"), bias));
  return tf.reshape(pixels, [zWhat.shape[0]!, config.channels, config.objectSize, config.objectSize]);
}

/** T steps of inference over a batch of images, each step conditional on all objects before it being present. */
export interface TrajectoryTensors {
  /** Inference of each of the T steps. */
  readonly steps: readonly StepInference[];
  /** Patch of each step's object: T tensors [B, C, O, O]. */
  readonly patches: readonly tf.Tensor[];
  /** Canvas after each step: T tensors [B, C, S, S]. The canvas before the first step is black. */
  readonly canvases: readonly tf.Tensor[];
  /** log p(image | canvas after n steps), n = 0..T, [T + 1, B], nats. */
  readonly logLikelihood: tf.Tensor;
  /** Log-odds of presence of each step, [T, B]. */
  readonly presenceLogit: tf.Tensor;
  /** KL of each step's q(z_where) from its prior, [T, B], nats. */
  readonly klWhere: tf.Tensor;
  /** KL of each step's q(z_what) from its prior, [T, B], nats. */
  readonly klWhat: tf.Tensor;
}

/**
 * Runs all T steps, each given presence 1 from the step before it.
 *
 * @param image [B, C, S, S]
 * @param noise standard normal: `epsWhere` [T, B, 3] and `epsWhat` [T, B, Z]
 */
export function inferTrajectory(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  noise: { readonly epsWhere: tf.Tensor; readonly epsWhat: tf.Tensor },
): TrajectoryTensors {
  const batch = image.shape[0]!;
  const imageGates = imageGatesOf(p, config, image);
  const epsWhere = noiseOfSteps(noise.epsWhere);
  const epsWhat = noiseOfSteps(noise.epsWhat);
  const present = tf.ones([batch, 1]);

  const steps: StepInference[] = [];
  let patches: tf.Tensor[] = [];
  const canvases: tf.Tensor[] = [];
  const addLayer = (layer: tf.Tensor): void => {
    const canvas = canvases.at(-1);
    canvases.push(canvas === undefined ? layer : drawOn(config, canvas, layer));
  };
  // If no step sees the canvas, the objects of all steps are decoded and drawn by one call, which is faster.
  const drawsAtOnce = config.maxSteps > 1 && config.lstmInput.type === "image" && config.glimpseInput === "image";
  let previous: StepState | undefined;
  for (let t = 0; t < config.maxSteps; t++) {
    const stepNoise = { epsWhere: epsWhere[t]!, epsWhat: epsWhat[t]! };
    const step = inferStep(p, config, image, imageGates, previous, canvases[t - 1], stepNoise);
    steps.push(step);
    if (!drawsAtOnce) {
      const patch = decode(p, config, step.zWhat.sample);
      patches.push(patch);
      addLayer(write(patch, step.zWhere.sample, config.imageSize));
    }
    const { hidden, cell, zWhere, zWhat } = step;
    previous = { hidden, cell, zWhere: zWhere.sample, zWhat: zWhat.sample, presence: present };
  }
  if (drawsAtOnce) {
    const all = (latent: "zWhat" | "zWhere"): tf.Tensor => tf.concat(steps.map((step) => step[latent].sample));
    const decoded = decode(p, config, all("zWhat"));
    patches = tf.split(decoded, config.maxSteps);
    for (const layer of tf.split(write(decoded, all("zWhere"), config.imageSize), config.maxSteps)) addLayer(layer);
  }
  return {
    steps,
    patches,
    canvases,
    logLikelihood: tf.stack([undefined, ...canvases].map((canvas) => logLikelihood(config, image, canvas))),
    presenceLogit: tf.stack(steps.map((step) => step.presenceLogit)),
    klWhere: klOfSteps(steps.map(({ zWhere }) => zWhere)),
    klWhat: klOfSteps(steps.map(({ zWhat }) => zWhat)),
  };
}

/**
 * The noise of each step: T tensors [B, D].
 *
 * @param noise [T, B, D]
 */
function noiseOfSteps(noise: tf.Tensor): tf.Tensor[] {
  const [steps, batch, size] = noise.shape as [number, number, number];
  return tf.split(tf.reshape(noise, [steps * batch, size]), steps);
}

/** KL of each step's posterior from its prior, [T, B], nats: of all steps in one call. */
function klOfSteps(posteriors: readonly Posterior[]): tf.Tensor {
  const all = (name: "standardMean" | "standardStd"): tf.Tensor =>
    tf.concat(posteriors.map((posterior) => posterior[name]));
  const kl = klFromStandardNormal(all("standardMean"), all("standardStd"));
  return tf.reshape(kl, [posteriors.length, posteriors[0]!.mean.shape[0]!]);
}

/** A draw from N(mean, std²) by the reparameterisation trick, [B, D]. */
function draw(mean: tf.Tensor, std: tf.Tensor, eps: tf.Tensor): tf.Tensor {
  return tf.add(mean, tf.mul(std, eps));
}

/**
 * A perceptron with one hidden layer of ReLUs.
 *
 * @param name prefix of its parameters, such as `predictor` of `predictor.hidden_kernel`
 * @param input [B, inputs]
 * @returns [B, outputs]
 */
export function mlp(p: ParameterTensors, name: string, input: tf.Tensor): tf.Tensor {
  const hidden = reluLayer(p, `${name}.hidden`, input);
  return dense(hidden, parameter(p, `${name}.output_kernel`), parameter(p, `${name}.output_bias`));
}

function dense(input: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return tf.add(tf.matMul(input, kernel), bias);
}
