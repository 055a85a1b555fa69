/**
 * The learned parameters of AIR: their names, shapes and initial values. Checkpoints, gradients and the optimizer have
 * them in the order of {@link parameterShapes}.
 */
import { type AirConfig, type Convolution, convolutionOf, type LocalStepNetwork } from "@air-onnx/core";
import { drawParameters, type InitialParameter, type NamedTensorData } from "@air-onnx/trainer";
import type * as tf from "@tensorflow/tfjs";

/**
 * Every parameter as a tensor of TensorFlow.js, by its name in {@link parameterShapes}. Functions of the model call it
 * `p`.
 */
export type ParameterTensors = Readonly<Record<string, tf.Tensor>>;

/**
 * The shape of every parameter of the model, by name. Kernels are [inputs, outputs].
 *
 * - The outputs of the `lstm` kernels are the gates input, forget, cell, output, H of each, in this order.
 * - `lstm.latent_kernel`: its inputs are the previous step's z_where, z_what and z_pres.
 * - `lstm.image_kernel`: its inputs are the features of the image (or of the remainder, if steps see that alone).
 * - `lstm.remainder_kernel`: its inputs are the features of the remainder, if steps see both.
 * - `lstm.convolution0_kernel`: its inputs are the pixels under the kernel, in the order rows, columns, channels.
 * - `detector`: the local step network's; the inputs of its convolutions are in the order rows, columns, channels.
 * - `predictor`: its outputs are the presence logit, the means of z_where, and the raw standard deviations of z_where.
 * - `encoder`: its outputs are the means of z_what and the raw standard deviations of z_what.
 * - `decoder`: its outputs are the logits of a patch's pixels.
 */
export function parameterShapes(config: AirConfig): Record<string, number[]> {
  const patch = config.channels * config.objectSize ** 2;
  const { stepNetwork, zWhatSize } = config;
  return {
    ...(stepNetwork.type === "local" ? detectorShapes(config, stepNetwork) : stepLstmShapes(config)),
    ...mlpShapes("predictor", featuresOf(config), config.predictorSize, 1 + 3 + 3),
    ...mlpShapes("encoder", patch, config.encoderSize, 2 * zWhatSize),
    ...mlpShapes("decoder", zWhatSize, config.decoderSize, patch),
  };
}

/** Number of features that the predictor sees. */
function featuresOf({ stepNetwork, lstmSize }: AirConfig): number {
  return stepNetwork.type === "local" ? stepNetwork.channels[1] : lstmSize;
}

/** The parameters of the LSTM of the steps. */
function stepLstmShapes(config: AirConfig): Record<string, number[]> {
  const seesBoth = config.lstmInput.type === "image-and-remainder";
  return {
    ...lstmShapes("lstm", config),
    ...(seesBoth ? { "lstm.remainder_kernel": [embeddingWidth(config), 4 * config.lstmSize] } : {}),
  };
}

/** The parameters of a local step network but for the predictor. */
function detectorShapes(
  config: AirConfig,
  { kernel, contextKernel, channels: [first, second] }: LocalStepNetwork,
): Record<string, number[]> {
  const pixels = kernel ** 2 * config.channels;
  return {
    "detector.image_kernel": [pixels, first],
    "detector.remainder_kernel": [pixels, first],
    "detector.bias": [first],
    "detector.context_kernel": [contextKernel ** 2 * first, second],
    "detector.context_bias": [second],
    "detector.value_kernel": [second, 1],
    "detector.value_bias": [1],
  };
}

/** The parameters of an LSTM whose inputs are the image and the previous step's latents. */
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

/** The parameters of the convolution in front of an LSTM's embedding; none if the model has no convolution. */
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

/** Number of features of an image that enter the gates. */
function embeddingWidth(config: AirConfig): number {
  return config.embeddingSize > 0 ? config.embeddingSize : seenWidth(config);
}

/** Number of inputs of the embedding: outputs of the convolution, or pooled pixels. */
function seenWidth(config: AirConfig): number {
  const { channels, imageSize, imagePooling, lstmInput } = config;
  const convolution = convolutionOf(lstmInput);
  if (convolution) return convolutionPlaces(config, convolution) ** 2 * convolution.channels.at(-1)!;
  return channels * (imageSize / imagePooling) ** 2;
}

/** Number of places of the convolution's kernel along one side of the pooled image. */
export function convolutionPlaces({ imageSize, imagePooling }: AirConfig, { kernel, stride }: Convolution): number {
  return Math.floor((imageSize / imagePooling - kernel) / stride) + 1;
}

/** The parameters of a perceptron with one hidden layer. */
function mlpShapes(name: string, inputs: number, hidden: number, outputs: number): Record<string, number[]> {
  return {
    [`${name}.hidden_kernel`]: [inputs, hidden],
    [`${name}.hidden_bias`]: [hidden],
    [`${name}.output_kernel`]: [hidden, outputs],
    [`${name}.output_bias`]: [outputs],
  };
}

/**
 * The parameters of a baseline network: an LSTM `name`.lstm of the same inputs and size as the model's, and a
 * perceptron `name`.regressor with as many hidden units as the predictor, from the LSTM's hidden state to one number.
 */
export function baselineShapes(config: AirConfig, name: string): Record<string, number[]> {
  return {
    ...lstmShapes(`${name}.lstm`, config),
    ...mlpShapes(`${name}.regressor`, config.lstmSize, config.predictorSize, 1),
  };
}

/**
 * Initial values of the parameters, drawn uniformly from an interval around 0:
 *
 * - layers with ReLUs: kernels within ±√(6/inputs), which preserves the variance of the inputs through any number of
 *   layers (He et al., 2015); biases are 0;
 * - recurrent networks: kernels and biases within ±1/√H, H = `lstmSize`;
 * - other layers: kernels and biases within ±1/√inputs;
 * - a local step network's outputs: see `LOCAL_OUTPUTS`.
 *
 * A seed gives the same values on every machine. Each parameter has its own random stream, so changing the size of one
 * layer does not change the draws of the others.
 *
 * @param extra shapes of further parameters, such as those of an estimator's baseline; they do not change the model's
 *   draws
 * @throws {RangeError} if the seed is not a non-negative safe integer
 */
export function initialParameters(
  config: AirConfig,
  seed: number,
  extra: Readonly<Record<string, number[]>> = {},
): NamedTensorData {
  return drawParameters(initialIntervals(config, extra), seed);
}

/** The intervals of {@link initialParameters}, in the order of the parameters. */
export function initialIntervals(
  config: AirConfig,
  extra: Readonly<Record<string, number[]>> = {},
): readonly InitialParameter[] {
  const shapes = { ...parameterShapes(config), ...extra };
  return Object.entries(shapes).map(([name, shape]) => {
    const output = config.stepNetwork.type === "local" ? LOCAL_OUTPUTS[name] : undefined;
    const bound = (output?.scale ?? 1) * initialBound(name, fanIn(name, shapes, config));
    return { name, shape, bound, values: output?.values };
  });
}

/**
 * Initial values of a local step network's outputs, which differ from those of other layers: their kernels are scaled down,
 * so that every place starts alike, and the step believes that an object is there (presence 0.88), at the place's centre,
 * of about the prior's mean size (standard deviations of 0.3 of the prior's, and of 0.2 of the distance between places).
 */
const LOCAL_OUTPUTS: Readonly<Record<string, { readonly scale?: number; readonly values?: readonly number[] }>> = {
  "detector.value_kernel": { scale: 0.5 },
  "detector.value_bias": { values: [0] },
  "predictor.output_kernel": { scale: 0.1 },
  "predictor.output_bias": { values: [2, 0, 0, 0, -1, -1.5, -1.5] },
};

function initialBound(name: string, inputs: number): number {
  if (!RELU_LAYER.test(name)) return 1 / Math.sqrt(inputs);
  return name.endsWith("bias") ? 0 : Math.sqrt(6 / inputs);
}

/** Matches the names of parameters of layers with ReLUs. */
const RELU_LAYER =
  /(\.(convolution\d+|embedding|hidden|context)_|^detector\.(image|remainder)_kernel$|^detector\.bias$)/;

function fanIn(name: string, shapes: Record<string, number[]>, config: AirConfig): number {
  if (/(^|\.)lstm\.(?!embedding|convolution)\w+$/.test(name)) return config.lstmSize;
  // The first convolution adds up what it sees of the image and of the remainder.
  if (/^detector\.(image|remainder)_kernel$/.test(name)) return 2 * shapes[name]![0]!;
  if (name === "detector.bias") return 1;
  return shapes[name.replace(/_bias$/, "_kernel")]![0]!;
}

/**
 * The parameter `name`.
 *
 * @throws {Error} if there is none; the message lists the names that there are
 */
export function parameter(parameters: ParameterTensors, name: string): tf.Tensor {
  const tensor = parameters[name];
  if (tensor === undefined) {
    const names = Object.keys(parameters).join(", ") || "none";
    throw new Error(`The model's parameter ${name} is missing; given are: ${names}`);
  }
  return tensor;
}
