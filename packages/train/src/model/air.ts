/**
 * Attend-Infer-Repeat (Eslami et al., NIPS 2016): the inference network and the decoder, as pure functions of parameters,
 * images and noise. They read no value of a tensor and keep no state, so the same code runs eagerly, under
 * differentiation, and under tracing to ONNX.
 *
 * Letters in shapes: B batch, C channels, S image side, O object side, T steps, H LSTM units, Z size of z_what. The
 * argument `p` holds the parameters by name, see {@link parameter}.
 */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { attend, write } from "./attention.js";
import { klFromStandardNormal, stdFromRaw } from "./distributions.js";
import { dense, mlp, reluLayer } from "./layers.js";
import { drawOn, logLikelihood } from "./likelihood.js";
import { localImageGates, proposeLocally } from "./local.js";
import { type LstmState, lstmImageGates, proposeByLstm } from "./lstm.js";
import { type ParameterTensors, parameter } from "./parameters.js";
import { draw, type Posterior, type Proposal } from "./posterior.js";
import { remainderOf } from "./seen.js";

/** Noise of one step. Zeros give the posterior means. */
export interface StepNoiseTensors {
  /** Standard normal, [B, 3]. */
  readonly epsWhere: tf.Tensor;
  /** Standard normal, [B, Z]. */
  readonly epsWhat: tf.Tensor;
  /** Added to the values of a local network's places when the best one is chosen, [B, places²]; none if left out. */
  readonly place?: tf.Tensor | undefined;
}

/** Inference of one step about the next object, before the object is drawn. */
export interface StepInference extends Proposal {
  /** Posterior of the appearance, D = Z. */
  readonly zWhat: Posterior;
  /** Image in the sampled window, or what the canvas leaves of it, [B, C, O, O]. */
  readonly glimpse: tf.Tensor;
}

/**
 * The part of the step network's first sums that depends on the image alone, which all steps share; see `graphSignatures` of
 * @air-onnx/core for its shape.
 *
 * @param image [B, C, S, S]
 */
export function imageGatesOf(p: ParameterTensors, config: AirConfig, image: tf.Tensor): tf.Tensor {
  const { stepNetwork } = config;
  return stepNetwork.type === "local"
    ? localImageGates(p, config, stepNetwork, image)
    : lstmImageGates(p, config, image);
}

/**
 * One inference step: presence and z_where → glimpse → z_what.
 *
 * @param image [B, C, S, S]
 * @param imageGates see {@link imageGatesOf}
 * @param previous state and latents of the previous step, if the step network is an LSTM; undefined at the first step
 * @param canvas objects drawn so far, [B, C, S, S]; undefined at the first step
 */
export function inferStep(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  imageGates: tf.Tensor,
  previous: LstmState | undefined,
  canvas: tf.Tensor | undefined,
  noise: StepNoiseTensors,
): StepInference {
  const { stepNetwork } = config;
  const proposal =
    stepNetwork.type === "local"
      ? proposeLocally(
          p,
          config,
          stepNetwork,
          image,
          remainderOf(image, canvas),
          imageGates,
          noise.epsWhere,
          noise.place,
        )
      : proposeByLstm(p, config, image, imageGates, previous, canvas, noise.epsWhere);
  const subject = config.glimpseInput === "remainder" ? remainderOf(image, canvas) : image;
  const glimpse = attend(subject, proposal.zWhere.sample, config.objectSize);
  return { ...proposal, zWhat: encode(p, config, glimpse, noise.epsWhat), glimpse };
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
  /** Each step's object alone on black: T tensors [B, C, S, S]. */
  readonly layers: readonly tf.Tensor[];
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
 * @param noise `epsWhere` [T, B, 3] and `epsWhat` [T, B, Z] are standard normal; for `place`, [T, B, places²], see
 *   {@link StepNoiseTensors}
 */
export function inferTrajectory(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  noise: StepNoiseTensors,
): TrajectoryTensors {
  const batch = image.shape[0]!;
  const imageGates = imageGatesOf(p, config, image);
  const epsWhere = noiseOfSteps(noise.epsWhere);
  const epsWhat = noiseOfSteps(noise.epsWhat);
  const place = noise.place && noiseOfSteps(noise.place);
  const present = tf.ones([batch, 1]);

  const steps: StepInference[] = [];
  let patches: tf.Tensor[] = [];
  const layers: tf.Tensor[] = [];
  const canvases: tf.Tensor[] = [];
  const addLayer = (layer: tf.Tensor): void => {
    layers.push(layer);
    const canvas = canvases.at(-1);
    canvases.push(canvas === undefined ? layer : drawOn(config, canvas, layer));
  };
  // If no step sees the canvas, the objects of all steps are decoded and drawn by one call, which is faster.
  const seesImageOnly = config.stepNetwork.type === "lstm" && config.lstmInput.type === "image";
  const drawsAtOnce = config.maxSteps > 1 && seesImageOnly && config.glimpseInput === "image";
  let previous: LstmState | undefined;
  for (let t = 0; t < config.maxSteps; t++) {
    const stepNoise = { epsWhere: epsWhere[t]!, epsWhat: epsWhat[t]!, place: place?.[t] };
    const step = inferStep(p, config, image, imageGates, previous, canvases[t - 1], stepNoise);
    steps.push(step);
    if (!drawsAtOnce) {
      const patch = decode(p, config, step.zWhat.sample);
      patches.push(patch);
      addLayer(write(patch, step.zWhere.sample, config.imageSize));
    }
    const { memory, zWhere, zWhat } = step;
    previous = memory && { ...memory, zWhere: zWhere.sample, zWhat: zWhat.sample, presence: present };
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
    layers,
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
