/** The noise of training steps as a function of seed and step, so that a resumed training sees the same. */
import { RandomStream } from "@air-onnx/core";

/** First part of the key of the random streams that draw noise; the second is the number of steps done before. */
export const NOISE_STREAM = 0x6e6f6973;

/** Distribution of the elements of a noise tensor: N(0, 1), or uniform over [0, 1). */
export type NoiseDistribution = "normal" | "uniform";

/** A noise tensor of one step, to be filled. */
export interface NoiseTarget {
  /** Distribution of each element. */
  readonly distribution: NoiseDistribution;
  /** Its elements. */
  readonly data: Float32Array<ArrayBuffer>;
}

/**
 * Fills the noise tensors of one training step, one after the other from one random stream.
 *
 * @param done number of steps done before
 * @throws {RangeError} if the seed is not a non-negative safe integer
 */
export function fillNoise(seed: number, done: number, targets: readonly NoiseTarget[]): void {
  const stream = new RandomStream(seed, NOISE_STREAM, done);
  for (const { distribution, data } of targets) {
    if (distribution === "normal") stream.fillNormal(data);
    else stream.fillUniform(data);
  }
}
