/** A small model for comparisons of graphs, which finds objects without having been trained. */
import type { AirConfig, AirConfigInput } from "@air-onnx/core";
import { initialParameters, type NamedTensorData } from "@air-onnx/train";

/** Sizes of its networks and images. */
export const sizes: AirConfigInput = {
  imageSize: 20,
  objectSize: 8,
  lstmSize: 8,
  zWhatSize: 5,
  predictorSize: 7,
  encoderSize: 9,
  decoderSize: 6,
};

/**
 * Untrained parameters, but for a presence that is neither sure nor improbable, and patches that are seen.
 *
 * @param brightness added to the logits of the patches' pixels
 */
export function untrainedParameters(config: AirConfig, brightness: number): NamedTensorData {
  const parameters = initialParameters(config, 1);
  const changed = (name: string, change: (value: number, i: number) => number) => ({
    [name]: { shape: parameters[name]!.shape, data: parameters[name]!.data.map(change) },
  });
  return {
    ...parameters,
    ...changed("predictor.output_kernel", (value) => 8 * value),
    ...changed("predictor.output_bias", (value, i) => (i === 0 ? 1 : value)),
    ...changed("decoder.output_bias", (value) => value + brightness),
  };
}
