/**
 * The contract between the exporter and the runtimes: names and shapes of the inputs and outputs of an exported model's
 * three ONNX graphs. All tensors are float32; the batch size B is the only symbolic dimension, called `batch`.
 *
 * Letters: S image side, C channels, O object side, T steps, H LSTM units, Z size of z_what.
 *
 * - `encoder`: computes, once per image, the part of the step network's first sums that depends on the image alone, and
 *   the log-likelihood of the empty canvas.
 * - `step`: attend → infer → write, once per object. A `next_…` output feeds the input of the same name without
 *   `next_` at the following step, if there is one: a local step network takes over the canvas alone. At the first step all
 *   of these are zero. Noise is an input: zero noise gives the posterior means.
 * - `decoder`: redraws objects one slot at a time onto a canvas.
 */
import type { InferenceSession } from "onnxruntime-common";
import type { AirConfig, LocalStepNetwork } from "./config.js";

/** The graphs of an exported model, in the order in which they run. */
export const graphNames = ["encoder", "step", "decoder"] as const;
/** Name of one graph of an exported model. */
export type GraphName = (typeof graphNames)[number];

/** Name of an input of the step graph that a `next_…` output feeds. */
export type StateName = "hidden" | "cell" | "z_where" | "z_what" | "canvas";

const lstmState: readonly StateName[] = ["hidden", "cell", "z_where", "z_what", "canvas"];

/** Inputs of the step graph that its `next_…` outputs feed; all zero before the first step. */
export function stateNames({ stepNetwork }: AirConfig): readonly StateName[] {
  return stepNetwork.type === "local" ? ["canvas"] : lstmState;
}

/** Outputs of the step graph that scenes are made of. */
export const sceneValueNames = [
  "presence_logit",
  "next_z_where",
  "next_z_what",
  "patch",
  "next_canvas",
  "kl_where",
  "kl_what",
  "log_likelihood",
] as const;
/** Name of an output of the step graph that scenes are made of. */
export type SceneValueName = (typeof sceneValueNames)[number];

/** Names and shapes of a graph's inputs and outputs, without the leading batch dimension. */
export type GraphSignature = {
  /** Shape of each input, by name. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** Shape of each output, by name. */
  readonly outputs: Readonly<Record<string, readonly number[]>>;
};

/**
 * Shape of `image_gates`. These are the image's share of the LSTM's gates, 4 per unit. If the LSTM sees the remainder of the
 * image (the image minus the canvas) through a hidden layer, they are the image's share of that layer's pre-activations
 * instead: the part that can be computed before there is a canvas. So they are if the step network is local: the image's
 * share of its first convolution, for each place.
 */
function imageGatesShape(config: AirConfig): readonly number[] {
  const { stepNetwork, lstmInput, embeddingSize, lstmSize } = config;
  if (stepNetwork.type === "local") {
    const places = placesOf(config, stepNetwork);
    return [places, places, stepNetwork.channels[0]];
  }
  return [lstmInput.type === "remainder" && embeddingSize > 0 ? embeddingSize : 4 * lstmSize];
}

/** Number of places of a local step network along one side of the image. */
export function placesOf({ imageSize, imagePooling }: AirConfig, { stride }: LocalStepNetwork): number {
  return Math.ceil(imageSize / imagePooling / stride);
}

/** Shapes of all inputs and outputs of the three graphs, without the leading batch dimension; `[]` is one number per image. */
export function graphSignatures(config: AirConfig) {
  const image = [config.channels, config.imageSize, config.imageSize];
  const patch = [config.channels, config.objectSize, config.objectSize];
  const hidden = [config.lstmSize];
  const imageGates = imageGatesShape(config);
  const what = [config.zWhatSize];
  const where = [3];
  const isLocal = config.stepNetwork.type === "local";
  return {
    encoder: {
      inputs: { image },
      outputs: { image_gates: imageGates, log_likelihood: [] },
    },
    step: {
      inputs: {
        image,
        image_gates: imageGates,
        ...(isLocal ? {} : { hidden, cell: hidden, z_where: where, z_what: what }),
        canvas: image,
        eps_where: where,
        eps_what: what,
      },
      outputs: {
        ...(isLocal ? {} : { next_hidden: hidden, next_cell: hidden }),
        next_z_where: where,
        next_z_what: what,
        next_canvas: image,
        /** Log-odds that this step's object is present, given that all objects before it are. */
        presence_logit: [],
        /**
         * Mean and standard deviation of the normal posterior of z_where, which is drawn as mean + std · eps_where. Under
         * a bounded `where` they describe the unbounded numbers that `zWhereFromLatent` turns into z_where.
         * The prior is on the same numbers, so log q/p is the same sum of normal densities in both cases.
         */
        z_where_mean: where,
        z_where_std: where,
        z_what_mean: what,
        z_what_std: what,
        /** KL divergences of this step's posteriors of z_where and z_what from their priors, nats. */
        kl_where: [],
        kl_what: [],
        /** log p(image | next_canvas), nats. */
        log_likelihood: [],
        /** The part of the image that the step looked at, and the patch that it drew there. */
        glimpse: patch,
        patch,
      },
    },
    decoder: {
      inputs: { z_where: where, z_what: what, presence: [], canvas: image },
      outputs: { patch, next_canvas: image },
    },
  } as const satisfies Record<GraphName, GraphSignature>;
}

/** Describes how a loaded graph differs from its signature; empty if it does not. Extra outputs do not count. */
export function signatureDifferences(
  session: Pick<InferenceSession, "inputMetadata" | "outputNames">,
  { inputs, outputs }: GraphSignature,
): string[] {
  const found = new Map(session.inputMetadata.map((input) => [input.name, input]));
  const differences: string[] = [];
  for (const [name, shape] of Object.entries(inputs)) {
    const input = found.get(name);
    if (!input) {
      differences.push(`it has no input "${name}"`);
    } else if (!input.isTensor || input.type !== "float32") {
      differences.push(`its input "${name}" is ${input.isTensor ? input.type : "not a tensor"}, not float32`);
    } else if (input.shape.length !== shape.length + 1 || shape.some((side, i) => input.shape[i + 1] !== side)) {
      differences.push(`its input "${name}" is [${input.shape.join(", ")}], not [${["batch", ...shape].join(", ")}]`);
    }
  }
  for (const name of found.keys()) if (!(name in inputs)) differences.push(`it has an unknown input "${name}"`);
  for (const name of Object.keys(outputs)) {
    if (!session.outputNames.includes(name)) differences.push(`it has no output "${name}"`);
  }
  return differences;
}
