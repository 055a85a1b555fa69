/**
 * The estimator for a local step network. Like `marginal` it follows one trajectory with presence 1 throughout and sums over
 * the number of objects n. It differs in what teaches presence, and it teaches the values of places:
 *
 * - The trajectory's own evidence decides the count. With L_n = log p(x|c_n) - Σ_{t≤n} KL_t, the bound is largest for
 *   q(n) ∝ exp(L_n) p(n), where it is log Σ_n exp(L_n) p(n). The model maximises that, and presence learns to predict this
 *   q(n) step by step, by cross-entropy. Under the gradient of the ELBO presence and drawing depend on each other, and
 *   presence is soon sure that nothing is there, before anything can be drawn.
 * - A place's value learns, by regression, what an object there gained: L_t - L_{t-1}. A positive gain counts as far as
 *   the window's ink was explained: a window between two objects gains something from both and leaves both half drawn.
 * - At first the bound of exactly one object has a weight of its own, so that the first window draws something.
 *
 * In composed images the objects are known one by one: cut-outs of images in which the model found one object. There each
 * step is scored on the one object left that it explains best, presence learns whether any is left, and the value what
 * that object gained. No label is involved: the model teaches itself counts that it has not seen.
 */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { inferTrajectory, type TrajectoryTensors } from "../model/air.js";
import { windowCoverage } from "../model/attention.js";
import { logSigmoid } from "../model/distributions.js";
import { gaussianPrecision } from "../model/likelihood.js";
import { placeNoiseShape } from "../model/local.js";
import type { ParameterTensors } from "../model/parameters.js";
import { stopGradient } from "../model/stop-gradient.js";
import {
  type ComposedBatch,
  countPriorSchedule,
  type Estimator,
  type Loss,
  type Noise,
  type NoiseSpec,
  noiseTensor,
} from "./estimator.js";
import { crossEntropy, evidenceBound, evidenceOf, PRESENCE_WEIGHT, presenceLoss } from "./evidence.js";
import { elboTerms, expectedParts } from "./marginal.js";

/** Unit of the values of places, nats: about a seventh of what an MNIST digit gains. */
const VALUE_UNIT = 50;
/** Least weight of a step that presence says is not reached. */
const LEAST_REACH = 0.05;
/** Share of an object's ink, as log-likelihood, from which the step that drew it has explained a composed object. */
const EXPLAINED_SHARE = 0.3;
/**
 * Share of an object's ink that the remainder must show for a composed object to be left: what other steps have drawn
 * cannot be seen any more, and a step cannot learn that it is there.
 */
const LEFT_SHARE = 0.3;

/** The estimator whose count follows the evidence of the trajectory. It needs a local step network. */
export const optimalCount: Estimator = {
  name: "optimal-count",
  composes: true,

  parameters: () => ({}),

  schedules: (config) => ({ ...countPriorSchedule(config), placeTemperature: [], firstObjectWeight: [] }),

  noise: (config, batch, composed) => ({
    ...trajectoryNoise(config, config.maxSteps, batch),
    ...(composed &&
      Object.fromEntries(
        Object.entries(trajectoryNoise(config, stepsOfComposed(composed), composed.images)).map(([name, spec]) => [
          composedName(name),
          spec,
        ]),
      )),
  }),

  loss(p, config, image, noise, schedules, layers): Loss {
    const { placeTemperature: temperature, firstObjectWeight } = schedules;
    if (temperature === undefined || firstObjectWeight === undefined) {
      throw new Error("The schedules placeTemperature and firstObjectWeight are missing");
    }
    const trajectory = trajectoryOf(p, config, image, noise, temperature);
    const terms = elboTerms(trajectory, schedules.logCountPrior);
    const evidence = evidenceOf(terms);
    const bound = evidenceBound(terms);
    const firstObject = tf.mean(tf.slice(evidence, [1, 0], [1, -1]));
    const presence = presenceLoss(trajectory, terms);
    const value = valueLoss(config, image, trajectory, evidence);
    const own = tf.addN([
      tf.neg(tf.add(bound, tf.mul(firstObjectWeight, firstObject))),
      tf.mul(presence, PRESENCE_WEIGHT),
      tf.mul(value, VALUE_UNIT),
    ]) as tf.Scalar;
    const metrics = { ...expectedParts(terms), presenceLoss: presence, valueLoss: value };
    const elbo = tf.mean(terms.elbo) as tf.Scalar;
    if (layers === undefined) return { loss: own, elbo, metrics };

    const [images, batch] = [layers.shape[0]!, image.shape[0]!];
    const composed = composedLoss(p, config, layers, noise, temperature);
    const weights = [batch / (batch + images), images / (batch + images)] as const;
    const loss = tf.add(tf.mul(own, weights[0]), tf.mul(composed.loss, weights[1])) as tf.Scalar;
    return {
      loss,
      elbo,
      metrics: { ...metrics, composedLoss: composed.loss, composedPresenceErrors: composed.errors },
    };
  },
};

const composedName = (name: string): string => `composed/${name}`;
/** One step more than there are objects: the last must say that nothing is left. */
const stepsOfComposed = ({ objects }: ComposedBatch): number => objects + 1;

function trajectoryNoise(config: AirConfig, steps: number, batch: number): Record<string, NoiseSpec> {
  return {
    epsWhere: { distribution: "normal", shape: [steps, batch, 3] },
    epsWhat: { distribution: "normal", shape: [steps, batch, config.zWhatSize] },
    uPlace: { distribution: "uniform", shape: [steps, batch, ...placeNoiseShape(config)] },
  };
}

/** @param nameOf gives the noise's name for that of a trajectory */
function trajectoryOf(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  noise: Noise,
  temperature: tf.Tensor,
  nameOf = (name: string): string => name,
): TrajectoryTensors {
  return inferTrajectory(p, config, image, {
    epsWhere: noiseTensor(noise, nameOf("epsWhere")),
    epsWhat: noiseTensor(noise, nameOf("epsWhat")),
    place: tf.mul(gumbel(noiseTensor(noise, nameOf("uPlace"))), temperature),
  });
}

/** Standard Gumbel noise from uniform noise in [0, 1): the place of the largest value plus noise is a draw from softmax(values). */
function gumbel(uniform: tf.Tensor): tf.Tensor {
  return tf.neg(tf.log(tf.neg(tf.log(tf.clipByValue(uniform, 1e-9, 1 - 1e-7)))));
}

/**
 * Distance of each chosen place's value from what its object gained, weighted with the probability that the step is reached.
 *
 * @param evidence L_n, [T + 1, B]
 */
function valueLoss(config: AirConfig, image: tf.Tensor, trajectory: TrajectoryTensors, evidence: tf.Tensor): tf.Scalar {
  const [counts, batch] = evidence.shape as [number, number];
  const steps = counts - 1;
  const target = stopGradient(() => {
    const gain = tf.sub(tf.slice(evidence, [1, 0], [steps, batch]), tf.slice(evidence, [0, 0], [steps, batch]));
    return tf.div(tf.mul(gain, explainedShares(config, image, trajectory, gain)), VALUE_UNIT);
  });
  const reach = stopGradient(() => {
    const logPresent = logSigmoid(tf.slice(trajectory.presenceLogit, [0, 0], [steps, batch]));
    const before = Array.from({ length: steps }, (_, t) => Array.from({ length: steps }, (_, s) => Number(s < t)));
    return tf.exp(tf.matMul(tf.tensor2d(before), logPresent));
  });
  const distance = smoothDistance(tf.sub(valuesOf(trajectory), target));
  return tf.mean(tf.sum(tf.mul(tf.maximum(reach, LEAST_REACH), distance), 0)) as tf.Scalar;
}

/** Half of the square up to 1, linear beyond it, element by element. */
function smoothDistance(x: tf.Tensor): tf.Tensor {
  const size = tf.abs(x);
  const near = tf.minimum(size, 1);
  return tf.mul(near, tf.sub(size, tf.mul(near, 0.5)));
}

function valuesOf({ steps }: TrajectoryTensors): tf.Tensor {
  return tf.stack(
    steps.map(({ value }) => {
      if (value === undefined) throw new Error("The estimator optimal-count needs a local step network");
      return value;
    }),
  );
}

/**
 * The share of the window's ink that each step explained, in [0, 1], where it gained; 1 where it lost.
 *
 * @param gain [T, B]
 * @returns [T, B]
 */
function explainedShares(
  config: AirConfig,
  image: tf.Tensor,
  { steps, canvases }: TrajectoryTensors,
  gain: tf.Tensor,
): tf.Tensor {
  const shares = steps.map(({ zWhere }, t) => {
    const { rows, columns } = windowCoverage(zWhere.sample, config);
    const inkLeft = (canvas: tf.Tensor | undefined): tf.Tensor => {
      const remainder = canvas === undefined ? image : tf.sub(image, canvas);
      const perRow = tf.matMul(tf.sum(tf.square(remainder), 1), tf.expandDims(columns, 2));
      return tf.sum(tf.mul(tf.squeeze(perRow, [2]), rows), 1);
    };
    const left = tf.div(inkLeft(canvases[t]), tf.add(inkLeft(canvases[t - 1]), 1e-3));
    return tf.clipByValue(tf.sub(1, left), 0, 1);
  });
  return tf.where(tf.greater(gain, 0), tf.stack(shares), tf.onesLike(gain));
}

/**
 * The loss of composed images, mean over the images, and the share of steps whose presence is wrong.
 *
 * @param layers [K, N, C, S, S]
 */
function composedLoss(
  p: ParameterTensors,
  config: AirConfig,
  layers: tf.Tensor,
  noise: Noise,
  temperature: tf.Tensor,
): { loss: tf.Scalar; errors: tf.Scalar } {
  const [images, objects, ...sides] = layers.shape as [number, number, number, number, number];
  const pixels = sides.reduce((product, side) => product * side, 1);
  const nats = gaussianPrecision(config) / 2;
  const image = tf.minimum(tf.sum(layers, 1), 1);
  const steps = stepsOfComposed({ images, objects });
  const trajectory = trajectoryOf(p, { ...config, maxSteps: steps }, image, noise, temperature, composedName);
  const flat = tf.reshape(layers, [images, objects, pixels]);
  const ink = tf.sum(tf.square(flat), 2);
  let left = tf.cast(tf.greater(ink, 0), "float32") as tf.Tensor;
  const losses: tf.Tensor[] = [];
  const errors: tf.Tensor[] = [];
  for (let t = 0; t < steps; t++) {
    const drawn = tf.reshape(trajectory.layers[t]!, [images, pixels]);
    const kl = tf.add(rowOf(trajectory.klWhere, t), rowOf(trajectory.klWhat, t));
    const anyLeft = tf.max(left, 1);
    const drawnInk = tf.sum(tf.square(drawn), 1);
    const overlap = tf.squeeze(tf.matMul(flat, tf.expandDims(drawn, 2)), [2]);
    // |x_j|² - |x_j - layer|², by how much the layer explains each object: [K, N].
    const explained = tf.sub(tf.mul(overlap, 2), tf.expandDims(drawnInk, 1));
    const best = bestLeft(explained, left, objects);
    const gain = tf.sub(tf.mul(tf.sum(tf.mul(explained, best), 1), nats), kl);
    const presence = rowOf(trajectory.presenceLogit, t);
    const target = stopGradient(() =>
      tf.div(tf.where(tf.greater(anyLeft, 0), gain, tf.neg(tf.add(tf.mul(drawnInk, nats), kl))), VALUE_UNIT),
    );
    const value = smoothDistance(tf.sub(trajectory.steps[t]!.value!, target));
    losses.push(
      tf.addN([
        tf.neg(tf.mul(anyLeft, gain)),
        tf.mul(crossEntropy(presence, anyLeft), PRESENCE_WEIGHT),
        tf.mul(value, VALUE_UNIT),
      ]),
    );
    errors.push(stopGradient(() => tf.cast(tf.notEqual(tf.greater(presence, 0), tf.greater(anyLeft, 0)), "float32")));
    const before = left;
    left = stopGradient(() => {
      const isDone = tf.greater(gain, tf.mul(tf.sum(tf.mul(ink, best), 1), EXPLAINED_SHARE * nats));
      const others = tf.mul(before, tf.sub(1, tf.mul(best, tf.expandDims(tf.cast(isDone, "float32"), 1))));
      const remainder = tf.reshape(tf.sub(image, trajectory.canvases[t]!), [images, pixels, 1]);
      const inkLeft = tf.squeeze(tf.matMul(flat, remainder), [2]);
      return tf.mul(others, tf.cast(tf.greater(inkLeft, tf.mul(ink, LEFT_SHARE)), "float32"));
    });
  }
  return {
    loss: tf.mean(tf.sum(tf.stack(losses), 0)) as tf.Scalar,
    errors: tf.mean(tf.stack(errors)) as tf.Scalar,
  };
}

/** 1 for the object left that is explained best, else 0, [K, N]; arbitrary where none is left. No gradient flows back. */
function bestLeft(explained: tf.Tensor, left: tf.Tensor, objects: number): tf.Tensor {
  return stopGradient(() => {
    const candidates = tf.where(tf.greater(left, 0), explained, tf.fill(explained.shape, -1e9));
    return tf.cast(tf.oneHot(tf.argMax(candidates, 1) as tf.Tensor1D, objects), "float32");
  });
}

/** Row `t` of a [T, B] tensor, [B]. */
function rowOf(values: tf.Tensor, t: number): tf.Tensor {
  return tf.reshape(tf.slice(values, [t, 0], [1, -1]), [values.shape[1]!]);
}
