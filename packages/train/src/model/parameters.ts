/**
 * The learned weights of AIR: their names, shapes and first values. The order of {@link parameterShapes} is the order of
 * the parameters everywhere: in checkpoints, in gradients and in the optimiser.
 */
import { type AirConfig, type Convolution, convolutionOf, RandomStream } from "@air-onnx/core";
import type * as tf from "@tensorflow/tfjs";
import type { NamedTensorData, TensorData } from "../training-state.js";

/** Every parameter as a tensor of TensorFlow.js, by its name in {@link parameterShapes}. */
export type ParameterTensors = Readonly<Record<string, tf.Tensor>>;

/** First part of the name of the random streams that draw the first values; the second is the parameter's index. */
export const INITIAL_PARAMETERS_STREAM = 0x696e6974;

/**
 * The shape of every parameter. Kernels are [in, out]. Letters as in `graphSignatures`.
 *
 * The recurrent network's gates lie side by side in the order input, forget, cell, output; `lstm.latent_kernel` takes
 * the previous step's (z_where, z_what, z_pres), `lstm.image_kernel` the image or its embedding, `lstm.convolution0_kernel`
 * what its kernel covers (rows, columns, channels),
 * and `lstm.remainder_kernel` the remainder or its embedding. The predictor's outputs are the presence logit, the means of z_where
 * and its raw standard deviations; the encoder's the means of z_what and its raw standard deviations.
 */
export function parameterShapes(config: AirConfig): Record<string, number[]> {
  const patch = config.channels * config.objectSize ** 2;
  const { lstmSize, zWhatSize } = config;
  return {
    ...lstmShapes("lstm", config),
    ...(config.lstmInput.type === "image-and-remainder"
      ? { "lstm.remainder_kernel": [embeddingWidth(config), 4 * lstmSize] }
      : {}),
    ...mlpShapes("predictor", lstmSize, config.predictorSize, 1 + 3 + 3),
    ...mlpShapes("encoder", patch, config.encoderSize, 2 * zWhatSize),
    ...mlpShapes("decoder", zWhatSize, config.decoderSize, patch),
  };
}

/** A recurrent network over (image, z_where, z_what, z_pres). */
function lstmShapes(name: string, config: AirConfig): Record<string, number[]> {
  const gates = 4 * config.lstmSize;
  const { embeddingSize } = config;
  return {
    ...convolutionShapes(name, config),
    ...(embeddingSize > 0
      ? {
          [`${name}.embedding_kernel`]: [seenWidth(config), embeddingSize],
          [`${name}.embedding_bias`]: [embeddingSize],
        }
      : {}),
    [`${name}.image_kernel`]: [embeddingWidth(config), gates],
    [`${name}.latent_kernel`]: [3 + config.zWhatSize + 1, gates],
    [`${name}.recurrent_kernel`]: [config.lstmSize, gates],
    [`${name}.bias`]: [gates],
  };
}

/** The convolution in front of a recurrent network's embedding, if there is one. */
function convolutionShapes(name: string, { channels, lstmInput }: AirConfig): Record<string, number[]> {
  const convolution = convolutionOf(lstmInput);
  const widths = convolution ? [convolution.kernel ** 2 * channels, ...convolution.channels] : [];
  return Object.fromEntries(
    widths.slice(1).flatMap((width, i): [string, number[]][] => [
      [`${name}.convolution${i}_kernel`, [widths[i]!, width]],
      [`${name}.convolution${i}_bias`, [width]],
    ]),
  );
}

/** Numbers in which a recurrent network sees an image. */
function embeddingWidth(config: AirConfig): number {
  return config.embeddingSize > 0 ? config.embeddingSize : seenWidth(config);
}

/** Numbers that are embedded: the outputs of the convolution, or the pooled pixels. */
function seenWidth(config: AirConfig): number {
  const { channels, imageSize, imagePooling, lstmInput } = config;
  const convolution = convolutionOf(lstmInput);
  if (convolution) return convolutionPlaces(config, convolution) ** 2 * convolution.channels.at(-1)!;
  return channels * (imageSize / imagePooling) ** 2;
}

/** Places of the convolution's kernel along one side of the image. */
export function convolutionPlaces({ imageSize, imagePooling }: AirConfig, { kernel, stride }: Convolution): number {
  return Math.floor((imageSize / imagePooling - kernel) / stride) + 1;
}

/** A perceptron with one hidden layer. */
function mlpShapes(name: string, inputs: number, hidden: number, outputs: number): Record<string, number[]> {
  return {
    [`${name}.hidden_kernel`]: [inputs, hidden],
    [`${name}.hidden_bias`]: [hidden],
    [`${name}.output_kernel`]: [hidden, outputs],
    [`${name}.output_bias`]: [outputs],
  };
}

/**
 * The shapes of what an estimator learns beside the model: a recurrent network `name`.lstm that sees what the model's
 * sees, with as many units, and a perceptron `name`.regressor like the predictor, from its state to one number.
 */
export function baselineShapes(config: AirConfig, name: string): Record<string, number[]> {
  return {
    ...lstmShapes(`${name}.lstm`, config),
    ...mlpShapes(`${name}.regressor`, config.lstmSize, config.predictorSize, 1),
  };
}

/**
 * First values, the same for the same seed on every machine, uniform: within ±√(6/inputs) for kernels in front of ReLUs, which
 * carries the inputs' variance through any number of them (He et al., 2015), with biases of 0; within ±1/√inputs for the other layers,
 * biases included, and within ±1/√H for recurrent networks. Changing one layer's size leaves the other layers' draws alone.
 *
 * @param extra shapes of parameters beside the model's, such as an estimator's own; the model's draws do not change
 * @throws {RangeError} if the seed is not a non-negative safe integer
 */
export function initialParameters(
  config: AirConfig,
  seed: number,
  extra: Readonly<Record<string, number[]>> = {},
): NamedTensorData {
  const shapes = { ...parameterShapes(config), ...extra };
  const values = Object.entries(shapes).map(([name, shape], index): [string, TensorData] => {
    const stream = new RandomStream(seed, INITIAL_PARAMETERS_STREAM, index);
    const bound = initialBound(name, fanIn(name, shapes, config));
    const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
    for (let i = 0; i < data.length; i++) data[i] = (2 * stream.uniform() - 1) * bound;
    return [name, { shape, data }];
  });
  return Object.fromEntries(values);
}

function initialBound(name: string, inputs: number): number {
  if (!RELU_LAYER.test(name)) return 1 / Math.sqrt(inputs);
  return name.endsWith("_bias") ? 0 : Math.sqrt(6 / inputs);
}

/** Names of the parameters of layers of ReLUs. */
const RELU_LAYER = /\.(convolution\d+|embedding|hidden)_/;

function fanIn(name: string, shapes: Record<string, number[]>, config: AirConfig): number {
  if (/(^|\.)lstm\.(?!embedding|convolution)\w+$/.test(name)) return config.lstmSize;
  return shapes[name.replace(/_bias$/, "_kernel")]![0]!;
}

/** The parameter `name`, for use inside the model. */
export function parameter(parameters: ParameterTensors, name: string): tf.Tensor {
  const tensor = parameters[name];
  if (tensor === undefined) {
    const names = Object.keys(parameters).join(", ") || "none";
    throw new Error(`The model's parameter ${name} is missing; given are: ${names}`);
  }
  return tensor;
}
