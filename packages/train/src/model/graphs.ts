/**
 * The three functions of the model that are exported as ONNX graphs. `graphSignatures` in @air-onnx/core has the names
 * and shapes of their inputs and outputs.
 */
import type { AirConfig, GraphName } from "@air-onnx/core";
import type { NamedTensors } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";
import { decode, imageGatesOf, inferStep } from "./air.js";
import { write } from "./attention.js";
import { drawOn, logLikelihood } from "./likelihood.js";
import type { ParameterTensors } from "./parameters.js";
import { klFromPrior } from "./posterior.js";

/**
 * A graph as a function of its inputs by name that returns its outputs by name. Every tensor has a leading batch
 * dimension, which the shapes of `graphSignatures` leave out.
 */
export type GraphFunction = (inputs: NamedTensors) => NamedTensors;

/**
 * The exported graphs of a model with the parameters `p`, by graph name.
 *
 * @throws {Error} when called without one of its inputs
 */
export function graphFunctions(p: ParameterTensors, config: AirConfig): Record<GraphName, GraphFunction> {
  return {
    encoder(inputs) {
      const image = input(inputs, "image");
      return { image_gates: imageGatesOf(p, config, image), log_likelihood: logLikelihood(config, image, undefined) };
    },

    step(inputs) {
      const image = input(inputs, "image");
      const lstmState = () => ({
        hidden: input(inputs, "hidden"),
        cell: input(inputs, "cell"),
        zWhere: input(inputs, "z_where"),
        zWhat: input(inputs, "z_what"),
        presence: tf.ones([image.shape[0]!, 1]),
      });
      const previous = config.stepNetwork.type === "lstm" ? lstmState() : undefined;
      const noise = { epsWhere: input(inputs, "eps_where"), epsWhat: input(inputs, "eps_what") };
      const before = input(inputs, "canvas");
      const step = inferStep(p, config, image, input(inputs, "image_gates"), previous, before, noise);
      const patch = decode(p, config, step.zWhat.sample);
      const canvas = drawOn(config, before, write(patch, step.zWhere.sample, config.imageSize));
      return {
        ...(step.memory && { next_hidden: step.memory.hidden, next_cell: step.memory.cell }),
        next_z_where: step.zWhere.sample,
        next_z_what: step.zWhat.sample,
        next_canvas: canvas,
        presence_logit: step.presenceLogit,
        z_where_mean: step.zWhere.mean,
        z_where_std: step.zWhere.std,
        z_what_mean: step.zWhat.mean,
        z_what_std: step.zWhat.std,
        kl_where: klFromPrior(step.zWhere),
        kl_what: klFromPrior(step.zWhat),
        log_likelihood: logLikelihood(config, image, canvas),
        glimpse: step.glimpse,
        patch,
      };
    },

    decoder(inputs) {
      const patch = decode(p, config, input(inputs, "z_what"));
      const presence = input(inputs, "presence");
      const layer = write(patch, input(inputs, "z_where"), config.imageSize);
      const visible = tf.mul(layer, tf.reshape(presence, [presence.shape[0]!, 1, 1, 1]));
      return { patch, next_canvas: drawOn(config, input(inputs, "canvas"), visible) };
    },
  };
}

function input(inputs: NamedTensors, name: string): tf.Tensor {
  const tensor = inputs[name];
  if (tensor === undefined)
    throw new Error(`The graph's input ${name} is missing; given are: ${Object.keys(inputs).join(", ")}`);
  return tensor;
}
