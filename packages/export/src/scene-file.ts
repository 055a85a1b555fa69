/**
 * The scene file, `onnx/scene.onnx` of an exported model: one graph without state or control flow from images to all that
 * inference says of them, for engines that have no loop of this project. It is made of the serialised encoder and step, so
 * a model folder can get one without its run.
 */
import {
  type AirConfig,
  type SceneValueName,
  sceneValueNames,
  type UnrolledGraph,
  unrolledGraph,
} from "@air-onnx/core";
import {
  type AttributeProto,
  BATCH,
  decodeModel,
  encodeGraph,
  type GraphProto,
  type InputSpec,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorDataType,
  trace,
  type ValueInfoProto,
} from "@air-onnx/tracer";
import { attributeProto, bytesOf, constantTensor } from "./onnx-parts.js";
import { type Opset, opsetOf, withOpset } from "./opset.js";
import { type SceneSettings, type StepTensors, scenesOfSteps } from "./scenes-of-steps.js";

/** Form of the images that a scene file takes. */
export const sceneInputs = ["float32", "uint8"] as const;
/**
 * Form of the images that a scene file takes. `float32`: `[batch, C, S, S]`, intensities in [0, 1]. `uint8`:
 * `[batch, S, S, C]`, the bytes of image files.
 */
export type SceneInput = (typeof sceneInputs)[number];

/** What a scene file is made for. */
export interface SceneFileSettings extends SceneSettings {
  /** Form of its images. */
  readonly input: SceneInput;
  /** Divisor from bytes to intensities. */
  readonly scale: number;
}

/**
 * Makes the scene file of a model.
 *
 * @param encoder the serialised encoder graph
 * @param step the serialised step graph
 * @throws {RangeError} if either is no serialised model, has control flow, or uses another operator set than the other
 * @throws {OpsetError} if their opset is older than those that can be written
 */
export function sceneFile(encoder: Uint8Array, step: Uint8Array, settings: SceneFileSettings): ModelProto {
  const unrolled = unrolledGraph(encoder, step, settings.config);
  if (!unrolled) {
    throw new RangeError(
      "No scene file can be made of these graphs: they have control flow, or use different operator sets",
    );
  }
  const steps = decodeModel(unrolled.model);
  const scenes = tracedScenes(settings, unrolled, opsetOf(steps) as Opset);
  const image = imageInput(settings);
  const readsImage = (node: NodeProto): NodeProto => ({
    ...node,
    input: (node.input ?? []).map((name) => (name === "image" ? image.value : name)),
  });
  return {
    ...steps,
    graph: {
      name: "scene",
      node: [...image.node, ...[...(steps.graph.node ?? []), ...scenes.node].map(readsImage)],
      initializer: [...image.initializer, ...(steps.graph.initializer ?? []), ...scenes.initializer],
      input: [image.info],
      output: scenes.output,
    },
  };
}

/** Traces `scenesOfSteps`; its inputs are the values of the unrolled graph, and only its outputs keep their names. */
function tracedScenes(settings: SceneSettings, { emptyLogLikelihood, steps }: UnrolledGraph, opset: Opset): GraphProto {
  const { config } = settings;
  const inputName = (name: SceneValueName, t: number): string => `${name}_${t + 1}`;
  const inputs: Record<string, InputSpec> = {
    image: { shape: [BATCH, config.channels, config.imageSize, config.imageSize] },
    empty_log_likelihood: { shape: [BATCH] },
  };
  const valueNames = new Map([
    ["image", "image"],
    ["empty_log_likelihood", emptyLogLikelihood],
  ]);
  const shapes = stepShapes(config);
  steps.forEach((values, t) => {
    for (const name of sceneValueNames) {
      inputs[inputName(name, t)] = { shape: [BATCH, ...shapes[name]] };
      valueNames.set(inputName(name, t), values[name]);
    }
  });
  const traced = trace(
    (tensors) => {
      const perStep = steps.map((_, t) =>
        Object.fromEntries(sceneValueNames.map((name) => [name, tensors[inputName(name, t)]!])),
      ) as unknown as StepTensors[];
      return scenesOfSteps(tensors.image!, tensors.empty_log_likelihood!, perStep, settings);
    },
    { inputs },
  );
  const { graph } = withOpset(decodeModel(encodeGraph(traced)), opset);
  const outputs = new Set(graph.output.map(({ name }) => name));
  const renamed = (name: string): string => {
    if (name === "" || outputs.has(name)) return name;
    return valueNames.get(name) ?? `scenes/${name}`;
  };
  return {
    ...graph,
    node: graph.node.map((node) => ({
      ...node,
      name: `scenes/${node.name}`,
      input: (node.input ?? []).map(renamed),
      output: node.output.map(renamed),
    })),
    initializer: graph.initializer.map((tensor) => ({ ...tensor, name: renamed(tensor.name) })),
  };
}

function stepShapes(config: AirConfig): Record<SceneValueName, readonly number[]> {
  const { channels, imageSize, objectSize, zWhatSize } = config;
  return {
    presence_logit: [],
    next_z_where: [3],
    next_z_what: [zWhatSize],
    patch: [channels * objectSize ** 2],
    next_canvas: [channels, imageSize, imageSize],
    kl_where: [],
    kl_what: [],
    log_likelihood: [],
  };
}

/** The input `image`, and what makes the intensities of it, `[batch, C, S, S]`, that the graph calls `value`. */
interface ImageInput {
  readonly info: ValueInfoProto;
  readonly value: string;
  readonly node: NodeProto[];
  readonly initializer: TensorProto[];
}

function imageInput({ config, input, scale }: SceneFileSettings): ImageInput {
  const { channels, imageSize } = config;
  if (input === "float32") {
    const info = imageInfo(input, [channels, imageSize, imageSize]);
    return { info, value: "image", node: [], initializer: [] };
  }
  const operation = (opType: string, from: string[], to: string, ...attribute: AttributeProto[]): NodeProto => {
    return { opType, name: `bytes/${opType}`, input: from, output: [to], attribute };
  };
  return {
    info: imageInfo(input, [imageSize, imageSize, channels]),
    value: "bytes/planes",
    node: [
      operation("Cast", ["image"], "bytes/numbers", attributeProto("to", tensorDataType.float32)),
      operation("Div", ["bytes/numbers", "bytes/scale"], "bytes/intensities"),
      operation("Transpose", ["bytes/intensities"], "bytes/planes", attributeProto("perm", [0, 3, 1, 2])),
    ],
    initializer: [constantTensor("bytes/scale", "float32", [], bytesOf(Float32Array.of(scale)))],
  };
}

function imageInfo(type: SceneInput, shape: readonly number[]): ValueInfoProto {
  const dim = [{ dimParam: BATCH }, ...shape.map((dimValue) => ({ dimValue }))];
  return { name: "image", type: { tensorType: { elemType: tensorDataType[type], shape: { dim } } } };
}
