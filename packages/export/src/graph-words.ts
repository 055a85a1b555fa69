/**
 * What an exported graph says of itself: a description of each input and output, and metadata by which a program that has
 * only the file knows what it is.
 */
import { createHash } from "node:crypto";
import type { AirConfig, GraphName } from "@air-onnx/core";
import type { ModelProto } from "@air-onnx/tracer";

/** A file of an exported model: one of its three graphs, or all of them in one. */
export type GraphFile = GraphName | "scene";
/** The serialised files of a model by name; there is no scene file of a model whose images are preprocessed. */
export type GraphFiles = Readonly<Record<GraphName, Uint8Array>> & { readonly scene?: Uint8Array };

/** Facts about a model that each of its graphs states. */
export interface ModelFacts {
  /** Name for users. */
  readonly name: string;
  readonly config: AirConfig;
  /** Divisor from the bytes of image files to the intensities that the graphs take. */
  readonly scale: number;
  /** SPDX expression of the licence; undefined if it is not known. */
  readonly license?: string | undefined;
  /** Version of the manifest's format. */
  readonly formatVersion: number;
}

const image = "Intensities in [0, 1], channels first.";
const canvas = "The image that the objects so far form; zeros before the first step.";
const klWords = (latent: string): string => `KL divergence of this step's posterior of ${latent} from its prior, nats.`;
const zWhereWords =
  "Window (s, x, y): its side is S/s pixels, its centre (S/2·(1 - x/s), S/2·(1 - y/s)) in an image of side S.";

/** Descriptions by graph, and then by input or output. */
const words: Readonly<
  Record<GraphFile, { readonly graph: string; readonly values: Readonly<Record<string, string>> }>
> = {
  encoder: {
    graph: "Runs once per image: what does not change from step to step.",
    values: {
      image,
      image_gates: "The image's share of the recurrent network's gates: an input of step.",
      log_likelihood: "log p(image | empty canvas), nats.",
    },
  },
  step: {
    graph:
      "Attend, infer, write: one step, run T times. Each next_… output is the input of that name at the next step.",
    values: {
      image,
      image_gates: "Output of encoder.",
      hidden: "Hidden state of the recurrent network; zeros before the first step.",
      cell: "Cell state of the recurrent network; zeros before the first step.",
      z_where: `${zWhereWords} Of the step before; zeros before the first step.`,
      z_what: "Appearance code of the step before; zeros before the first step.",
      canvas,
      eps_where: "Standard normal noise of z_where; zeros for the posterior's mean.",
      eps_what: "Standard normal noise of z_what; zeros for the posterior's mean.",
      next_hidden: "Hidden state after the step.",
      next_cell: "Cell state after the step.",
      next_z_where: zWhereWords,
      next_z_what: "Appearance code of this step's object.",
      next_canvas: "The image with this step's object.",
      presence_logit: "Log-odds that this step's object is present, given that all before it are.",
      z_where_mean: "Mean of the normal posterior of the numbers behind z_where.",
      z_where_std: "Standard deviation of that posterior.",
      z_what_mean: "Mean of the normal posterior of z_what.",
      z_what_std: "Standard deviation of that posterior.",
      kl_where: klWords("z_where"),
      kl_what: klWords("z_what"),
      log_likelihood: "log p(image | next_canvas), nats.",
      glimpse: "The part of the image that the step looked at.",
      patch: "What this step's object looks like in its own window.",
    },
  },
  decoder: {
    graph: "Draws one object on a canvas.",
    values: {
      z_where: zWhereWords,
      z_what: "Appearance code.",
      presence: "1 to draw the object, 0 not to.",
      canvas,
      patch: "What the object looks like in its own window.",
      next_canvas: "The canvas with the object.",
    },
  },
  scene: {
    graph:
      "From images to objects: all steps at the posterior means, the most probable count, and the objects that the image needs. The first `count` slots of an image hold its objects, the rest is zeros.",
    values: {
      image,
      count: "Number of objects.",
      count_probabilities: "q(n | image) for n = 0..T, before objects that explain nothing are left out.",
      valid: "Whether a slot holds an object.",
      presence: "Probability that there are at least as many objects as steps up to this one.",
      score: "The same numbers as presence, by the name that detectors give them.",
      box: "The window that the model looked at, (xmin, ymin, xmax, ymax) in pixels; it may extend beyond the image.",
      tight_box: "Smallest rectangle of the object's pixels, (xmin, ymin, xmax, ymax) in pixels, ends exclusive.",
      z_where: zWhereWords,
      z_what: "Appearance code.",
      patch: "What the object looks like in its own window, intensities.",
      mask: "Pixels of the image that belong to the object.",
      reconstruction: "The image that the objects form.",
      elbo: "Evidence lower bound at the posterior means, nats: a score by which images can be compared.",
      unexplained: "Sum of |image - reconstruction|, twice outside of all windows.",
      thickness: "Mean thickness of what is bright, pixels: twice the sum of the image by its total variation.",
      typical: "Whether the image is like the training data; if not, the count is a guess.",
    },
  },
};

/** Bytes of an image, for a scene file that takes them. */
const IMAGE_BYTES = "Bytes of an image file, channels last.";

/**
 * Adds to a graph what it says of itself.
 *
 * @param file which graph it is
 */
export function described(model: ModelProto, file: GraphFile, facts: ModelFacts): ModelProto {
  const { graph, values } = words[file];
  const withWords = (infos: ModelProto["graph"]["input"]): ModelProto["graph"]["input"] =>
    infos.map((info) => {
      const isBytes = info.name === "image" && info.type.tensorType.shape.dim.length === 4 && isUint8(info);
      const docString = isBytes ? IMAGE_BYTES : values[info.name];
      return docString === undefined ? info : { ...info, docString };
    });
  return {
    ...model,
    docString: `The ${file} of the Attend-Infer-Repeat model ${facts.name}. ${graph}`,
    graph: {
      ...model.graph,
      docString: graph,
      input: withWords(model.graph.input),
      output: withWords(model.graph.output),
    },
    metadataProps: Object.entries(metadata(file, facts)).map(([key, value]) => ({ key, value })),
  };
}

const UINT8 = 2;

function isUint8({ type }: ModelProto["graph"]["input"][number]): boolean {
  return type.tensorType.elemType === UINT8;
}

function metadata(
  file: GraphFile,
  { name, config, scale, license, formatVersion }: ModelFacts,
): Record<string, string> {
  return {
    format: "air-onnx",
    format_version: String(formatVersion),
    model_name: name,
    graph: file,
    task: "object counting, object localisation, image reconstruction",
    classes: '["object"]',
    architecture: "Attend-Infer-Repeat, https://arxiv.org/abs/1603.08575",
    image_size: String(config.imageSize),
    channels: String(config.channels),
    pixel_scale: String(scale),
    max_steps: String(config.maxSteps),
    config: JSON.stringify(config),
    config_sha256: createHash("sha256").update(JSON.stringify(config)).digest("hex"),
    ...(license !== undefined && { license }),
  };
}
