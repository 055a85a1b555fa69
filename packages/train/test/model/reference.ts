/**
 * Tensors recorded from the reference implementation in PyTorch, converted to this project's names and layouts.
 */
import { readFileSync } from "node:fs";
import { type AirConfig, parseAirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";

export interface Recorded {
  readonly shape: number[];
  readonly data: number[];
}

type ReferenceConfig = Record<string, number & number[]> & { readonly likelihood: "original" | "bernoulli" };

export interface ReferenceForward {
  readonly config: ReferenceConfig;
  readonly parameters: Record<string, Recorded>;
  readonly inputs: Record<"x" | "eps_where" | "eps_what" | "u_pres", Recorded>;
  readonly steps: Record<string, Recorded>[];
  readonly outputs: Record<string, Recorded>;
  readonly gradients: Record<string, Recorded>;
}

export interface ReferenceTraining {
  readonly config: ReferenceConfig;
  readonly initial_parameters: Record<string, Recorded>;
  readonly inputs: ReferenceForward["inputs"];
  readonly losses: number[];
  readonly elbos: number[];
  readonly inferred_n: number[][];
  readonly final_parameters: Record<string, Recorded>;
}

export const forwardReferences = ["air-forward-gaussian-gray.json", "air-forward-bernoulli-gray.json"];

export function readReference<T = ReferenceForward>(file: string): T {
  const url = new URL(`../../../../test/fixtures/reference/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as T;
}

export function referenceConfig({ config }: { readonly config: ReferenceConfig }): AirConfig {
  return parseAirConfig({
    imageSize: config.image_size,
    channels: config.channels,
    objectSize: config.object_size,
    maxSteps: config.max_steps,
    zWhatSize: config.z_what_dim,
    lstmSize: config.lstm_hidden,
    predictorSize: config.predictor_hidden,
    encoderSize: config.encoder_hidden,
    decoderSize: config.decoder_hidden,
    decoderBias: config.decoder_bias,
    likelihood:
      config.likelihood === "bernoulli"
        ? { type: "bernoulli", canvas: "clamp", pixelNoise: 0 }
        : { type: "gaussian", std: config.gaussian_std },
    prior: {
      presence: config.pres_prior,
      whereMean: config.where_prior_mean,
      whereStd: config.where_prior_std,
    },
    where: { type: "absolute" },
  });
}

export function tensor({ shape, data }: Recorded): tf.Tensor {
  return tf.tensor(data, shape, "float32");
}

/**
 * The recorded parameters of the model and of the baseline. PyTorch's LSTM has two biases; their sum is the one bias of
 * this project's LSTM.
 */
export function referenceParameters(
  parameters: Readonly<Record<string, Recorded>>,
  config: AirConfig,
): Record<string, tf.Tensor> {
  return translated(parameters, config, (a, b) => tf.add(a, b));
}

/** The recorded gradients. The two biases of PyTorch's LSTM have the same gradient, which is also that of their sum. */
export function referenceGradients(
  gradients: Readonly<Record<string, Recorded>>,
  config: AirConfig,
): Record<string, tf.Tensor> {
  return translated(gradients, config, (a) => a);
}

/** Converts tensors from PyTorch: weights are [out, in], an LSTM has one matrix for all inputs, and two biases. */
function translated(
  values: Readonly<Record<string, Recorded>>,
  config: AirConfig,
  joinBiases: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
): Record<string, tf.Tensor> {
  const recorded = (name: string): tf.Tensor => tensor(values[name]!);
  const pixels = config.channels * config.imageSize ** 2;
  const lstm = (name: string, theirs: string): Record<string, tf.Tensor> => {
    const inputs = [pixels, 3 + config.zWhatSize + 1];
    const [imageKernel, latentKernel] = tf.split(tf.transpose(recorded(`${theirs}.weight_ih`)), inputs, 0);
    return {
      [`${name}.image_kernel`]: imageKernel!,
      [`${name}.latent_kernel`]: latentKernel!,
      [`${name}.recurrent_kernel`]: tf.transpose(recorded(`${theirs}.weight_hh`)),
      [`${name}.bias`]: joinBiases(recorded(`${theirs}.bias_ih`), recorded(`${theirs}.bias_hh`)),
    };
  };
  const mlp = (name: string, theirs: string): Record<string, tf.Tensor> => ({
    [`${name}.hidden_kernel`]: tf.transpose(recorded(`${theirs}.0.weight`)),
    [`${name}.hidden_bias`]: recorded(`${theirs}.0.bias`),
    [`${name}.output_kernel`]: tf.transpose(recorded(`${theirs}.2.weight`)),
    [`${name}.output_bias`]: recorded(`${theirs}.2.bias`),
  });
  return {
    ...lstm("lstm", "lstm"),
    ...mlp("predictor", "predictor.seq"),
    ...mlp("encoder", "encoder.net"),
    ...mlp("decoder", "decoder.net"),
    ...lstm("baseline.lstm", "bl_lstm"),
    ...mlp("baseline.regressor", "bl_regressor"),
  };
}
