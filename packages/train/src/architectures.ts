/** The architectures that a training configuration can name: defaults of networks, and of how they are trained. */
import type { AirConfigInput, Convolution } from "@air-onnx/core";

/** Names of the architectures. */
export const architectureNames = ["compact", "reference", "local"] as const;
/** Name of an architecture. */
export type ArchitectureName = (typeof architectureNames)[number];

/** Defaults of one architecture. What a configuration sets itself wins over all of them. */
export interface Architecture {
  /** Settings of the model for images of a side in pixels. A data set's preset wins over them. */
  model(imageSize: number): AirConfigInput;
  /** Settings of the model that win over a data set's preset. */
  readonly required?: AirConfigInput;
  /** Settings of training, which win over a data set's preset. */
  readonly training?: ArchitectureTraining;
}

/** Settings of training that an architecture has defaults for; each is a field of the training configuration. */
export interface ArchitectureTraining {
  /** Estimator of the gradient. */
  readonly estimator?: "guided" | "optimal-count";
  /** Most objects that are looked for in training images. */
  readonly trainingMaxSteps?: number;
  /** Training steps. */
  readonly steps?: number;
  /** Shares of the steps in which the model may find at most one object, at most two, and so on. */
  readonly curriculum?: readonly number[];
  /** Presence prior at the start and in the end, and the share of the steps over which it changes. */
  readonly presencePriorSchedule?: { readonly from: number; readonly to?: number; readonly share: number };
  /** Composed images; an empty object for the defaults. */
  readonly composition?: { readonly overlap?: "redraw" | "clip" };
}

/**
 * The architectures by name:
 *
 * - `compact`, the default, is the paper's LSTM. It sees the image at a half or a quarter of its resolution, through a
 *   convolution about the size of an object and a small hidden layer.
 * - `reference` is the same with the sizes of the reference implementation, which are the defaults of the model
 *   configuration. The LSTM sees every pixel.
 * - `local` has a local step network, which counts on beyond the number of objects in its training images, and is trained
 *   on images composed of what it found, too.
 */
export const architectures: Readonly<Record<ArchitectureName, Architecture>> = {
  compact: {
    model: (imageSize) => ({
      imagePooling: poolingOf(imageSize),
      lstmInput: { type: "image", convolution: compactConvolution(imageSize / poolingOf(imageSize)) },
      embeddingSize: 256,
      encoderSize: 400,
      decoderSize: 400,
    }),
    training: { estimator: "guided" },
  },
  reference: { model: () => ({}) },
  local: {
    model: (imageSize) => ({
      imagePooling: imageSize % 2 === 0 ? 2 : 1,
      maxSteps: 8,
      encoderSize: 400,
      decoderSize: 400,
      // Of an image of 50 pixels: 13 to 18.5.
      where: { type: "bounded", side: [0.26 * imageSize, 0.37 * imageSize], centre: "free" },
    }),
    required: {
      stepNetwork: { type: "local" },
      glimpseInput: "remainder",
      predictorSize: 128,
      where: { type: "bounded", centre: "free" } as AirConfigInput["where"],
      prior: { whereMean: [0, 0, 0], whereStd: [1, 0.6, 0.6] },
    },
    training: {
      estimator: "optimal-count",
      trainingMaxSteps: 3,
      steps: 8000,
      curriculum: [0.04],
      presencePriorSchedule: { from: 0.01, to: 0.1, share: 0.15 },
      composition: {},
    },
  },
};

/** Side of the squares whose means the network sees: 50 pixels become 25, 64 become 16. */
function poolingOf(imageSize: number): number {
  if (imageSize >= 64 && imageSize % 4 === 0) return 4;
  return imageSize % 2 === 0 ? 2 : 1;
}

/** A convolution with kernels of 9 pooled pixels, about the size of an object; null where they do not fit. */
function compactConvolution(side: number): Convolution | null {
  return side < 9 ? null : { kernel: 9, stride: 2, channels: [64, 32] };
}
