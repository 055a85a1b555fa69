/**
 * Steps of a local step network that looked at different places. It takes the place of the highest value, and places that look
 * alike, as all of an empty image do, have the same value but for rounding. Two programs then choose differently, and both are right.
 */
import type { AirConfig } from "@air-onnx/core";

type Values = Readonly<Record<string, Float32Array>>;

/** Outputs of a step that depend on which of several equal places it took. All others must agree. */
const OUTPUTS_OF_PLACE = ["next_z_where", "next_canvas", "z_where_mean", "kl_where", "log_likelihood"];

/** The outputs of one step of both programs. */
export interface StepOutputs {
  readonly tfjs: Values;
  readonly onnx: Values;
}

/**
 * Finds the images for which the programs chose different places: the middles of their windows differ by half of the distance
 * between two places or more. Offsets within a place differ by rounding alone.
 *
 * @returns indices of images; none for another step network
 */
export function differentPlaces({ stepNetwork, imagePooling, imageSize }: AirConfig, step: StepOutputs): number[] {
  if (stepNetwork.type !== "local") return [];
  const [tfjs, onnx] = [step.tfjs.z_where_mean!, step.onnx.z_where_mean!];
  const spacing = (2 * stepNetwork.stride * imagePooling) / imageSize;
  const isFar = (i: number): boolean => Math.abs(tfjs[i]! - onnx[i]!) >= spacing / 2;
  return Array.from({ length: tfjs.length / 3 }, (_, image) => image).filter(
    (image) => isFar(3 * image + 1) || isFar(3 * image + 2),
  );
}

/** The outputs without what depends on the place for the given images. */
export function withoutPlaces(step: StepOutputs, size: number, images: readonly number[]): StepOutputs {
  if (images.length === 0) return step;
  const left = Array.from({ length: size }, (_, image) => image).filter((image) => !images.includes(image));
  const without = (values: Values): Values =>
    Object.fromEntries(
      Object.entries(values).map(([output, all]) => {
        if (!OUTPUTS_OF_PLACE.includes(output)) return [output, all];
        const length = all.length / size;
        return [output, Float32Array.from(left.flatMap((i) => [...all.subarray(i * length, (i + 1) * length)]))];
      }),
    );
  return { tfjs: without(step.tfjs), onnx: without(step.onnx) };
}
