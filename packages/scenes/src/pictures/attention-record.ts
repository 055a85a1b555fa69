/** Keeps what a model looked at and drew, step by step and image by image, while it infers: the material of a picture. */
import { type AirConfig, type Box, boxFromZWhere, type StepReport } from "@air-onnx/core";

/** One step of the recurrence on one image. */
export interface AttentionStep {
  /** p_t: that this step's object is there, given that all before it are. */
  readonly presence: number;
  /** The window, in pixels of the image. */
  readonly box: Box;
  /** What the step looked at, `[C, O, O]`, intensities in [0, 1]. */
  readonly glimpse: Float32Array;
  /** What it drew, `[C, O, O]`, intensities in [0, 1]. */
  readonly patch: Float32Array;
  /** The canvas after it, `[C, S, S]`. */
  readonly canvas: Float32Array;
}

export interface AttentionRecord {
  /** To be given to an inference call; all that it hands over is copied. */
  readonly onStep: (report: StepReport) => void;
  /** The steps that were run on image `image` of the call, the first step first. */
  stepsOf(image: number): readonly AttentionStep[];
}

/** An empty record for one inference call of a model with this configuration. */
export function recordAttention(config: Pick<AirConfig, "imageSize" | "channels" | "objectSize">): AttentionRecord {
  const { imageSize, channels, objectSize } = config;
  const patchLength = channels * objectSize ** 2;
  const imageLength = channels * imageSize ** 2;
  const images: AttentionStep[][] = [];
  return {
    onStep({ firstImage, presence, zWhere, glimpse, patch, canvas }) {
      presence.forEach((probability, i) => {
        const [s, x, y] = zWhere.subarray(3 * i, 3 * (i + 1));
        images[firstImage + i] ??= [];
        images[firstImage + i]!.push({
          presence: probability,
          box: boxFromZWhere([s!, x!, y!], imageSize),
          glimpse: glimpse.slice(i * patchLength, (i + 1) * patchLength),
          patch: patch.slice(i * patchLength, (i + 1) * patchLength),
          canvas: canvas.slice(i * imageLength, (i + 1) * imageLength),
        });
      });
    },
    stepsOf: (image) => images[image] ?? [],
  };
}
