/** Records the glimpses and patches of a model while it infers, step by step and image by image, for pictures. */
import { type AirConfig, type Box, boxFromZWhere, type StepReport } from "@air-onnx/core";

/** One step of the recurrence on one image. */
export interface AttentionStep {
  /** Probability p_t that this step's object is present, given that all before it are. */
  readonly presence: number;
  /** Window of attention, in pixels of the image. */
  readonly box: Box;
  /** Glimpse that the step looked at, `[C, O, O]`, intensities in [0, 1]. */
  readonly glimpse: Float32Array;
  /** Patch that the step drew, `[C, O, O]`, intensities in [0, 1]. */
  readonly patch: Float32Array;
  /** Canvas after the step, `[C, S, S]`. */
  readonly canvas: Float32Array;
}

/** The steps of one inference call. */
export interface AttentionRecord {
  /** Listener to pass to the inference call. It copies everything that it is given. */
  readonly onStep: (report: StepReport) => void;
  /** Returns the steps that were run on image number `image` of the call, the first step first. */
  stepsOf(image: number): readonly AttentionStep[];
}

/** Makes an empty record for one inference call of a model with this configuration. */
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
