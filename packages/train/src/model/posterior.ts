/** Posteriors of latents, draws from them, and what the latents of z_where stand for. */
import { type AirConfig, UNIFORM_FROM_NORMAL } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { klFromStandardNormal } from "./distributions.js";

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

/** What a step network says about the next object before its appearance is known. */
export interface Proposal {
  /** Log-odds that there is one more object, given that all objects before it are present, [B]. */
  readonly presenceLogit: tf.Tensor;
  /** Posterior of the window, D = 3. */
  readonly zWhere: Posterior;
  /** Hidden and cell state of the LSTM, [B, H] each; absent without an LSTM. */
  readonly memory?: { readonly hidden: tf.Tensor; readonly cell: tf.Tensor };
  /** Nats that an object at the chosen place is expected to gain, in units of `VALUE_UNIT`, [B]; absent for an LSTM. */
  readonly value?: tf.Tensor;
}

/** KL(q ‖ prior), [B], nats. */
export function klFromPrior({ standardMean, standardStd }: Posterior): tf.Tensor {
  return klFromStandardNormal(standardMean, standardStd);
}

/** A draw from N(mean, std²) by the reparameterisation trick, [B, D]. */
export function draw(mean: tf.Tensor, std: tf.Tensor, eps: tf.Tensor): tf.Tensor {
  return tf.add(mean, tf.mul(std, eps));
}

/**
 * The windows that latents stand for: `zWhereFromLatent` of @air-onnx/core for a batch of tensors.
 *
 * @param latent [B, 3]
 * @returns z_where, [B, 3]
 */
export function zWhereFromLatent({ where, imageSize }: AirConfig, latent: tf.Tensor): tf.Tensor {
  if (where.type !== "bounded") return latent;
  const squash = (x: tf.Tensor): tf.Tensor => tf.tanh(tf.mul(x, UNIFORM_FROM_NORMAL));
  const isFree = where.centre === "free";
  const [first, rest] = tf.split(isFree ? latent : squash(latent), [1, 2], 1);
  const size = isFree ? squash(first!) : first!;
  const [least, most] = where.side;
  const side =
    where.spacing === "logarithmic"
      ? tf.mul(tf.exp(tf.mul(size, Math.log(most / least) / 2)), Math.sqrt(least * most))
      : tf.add(tf.mul(size, (most - least) / 2), (most + least) / 2);
  const s = tf.div(imageSize, side);
  return tf.concat([s, tf.mul(s, rest!)], 1);
}
