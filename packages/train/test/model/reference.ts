/**
 * The recorded tensors of the reference implementation, under this project's names and layouts.
 */
import { readFileSync } from "node:fs";
import { type AirConfig, parseAirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";

export interface Recorded {
  readonly shape: number[];
  readonly data: number[];
}

export interface ReferenceForward {
  readonly config: Record<string, number & number[]>;
  readonly parameters: Record<string, Recorded>;
  readonly inputs: Record<"x" | "eps_where" | "eps_what" | "u_pres", Recorded>;
  readonly steps: Record<string, Recorded>[];
  readonly outputs: Record<string, Recorded>;
}

export function readReference(file: string): ReferenceForward {
  const url = new URL(`../../../../test/fixtures/reference/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as ReferenceForward;
}

export function referenceConfig({ config }: ReferenceForward): AirConfig {
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
    likelihood: { type: "gaussian", std: config.gaussian_std },
    prior: {
      presence: config.pres_prior,
      whereMean: config.where_prior_mean,
      whereStd: config.where_prior_std,
    },
    whereParameterisation: "absolute",
  });
}

export function tensor({ shape, data }: Recorded): tf.Tensor {
  return tf.tensor(data, shape, "float32");
}

/** PyTorch keeps weights as [out, in], the recurrent network's inputs in one matrix, and its bias in two. */
export function referenceParameters({ parameters }: ReferenceForward, config: AirConfig): Record<string, tf.Tensor> {
  const recorded = (name: string): tf.Tensor => tensor(parameters[name]!);
  const pixels = config.channels * config.imageSize ** 2;
  const [imageKernel, latentKernel] = tf.split(
    tf.transpose(recorded("lstm.weight_ih")),
    [pixels, 3 + config.zWhatSize + 1],
    0,
  );
  const mlp = (name: string, theirs: string): Record<string, tf.Tensor> => ({
    [`${name}.hidden_kernel`]: tf.transpose(recorded(`${theirs}.0.weight`)),
    [`${name}.hidden_bias`]: recorded(`${theirs}.0.bias`),
    [`${name}.output_kernel`]: tf.transpose(recorded(`${theirs}.2.weight`)),
    [`${name}.output_bias`]: recorded(`${theirs}.2.bias`),
  });
  return {
    "lstm.image_kernel": imageKernel!,
    "lstm.latent_kernel": latentKernel!,
    "lstm.recurrent_kernel": tf.transpose(recorded("lstm.weight_hh")),
    "lstm.bias": tf.add(recorded("lstm.bias_ih"), recorded("lstm.bias_hh")),
    ...mlp("predictor", "predictor.seq"),
    ...mlp("encoder", "encoder.net"),
    ...mlp("decoder", "decoder.net"),
  };
}
