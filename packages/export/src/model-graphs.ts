/** The files of an exported model, made of its three graphs: weights, opset, what they say of themselves, and the scene file. */
import type { GraphName, ScoreCalibration, TypicalityLimits } from "@air-onnx/core";
import { graphNames } from "@air-onnx/core";
import { decodeModel, encodeModel, type ModelProto } from "@air-onnx/tracer";
import { parameterShapes } from "@air-onnx/train";
import { cleaned } from "./graph-cleaning.js";
import { described, type GraphFile, type GraphFiles, type ModelFacts } from "./graph-words.js";
import { type Opset, withOpset } from "./opset.js";
import { type SceneInput, sceneFile } from "./scene-file.js";
import { type WeightType, withPlainWeights, withStoredWeights } from "./stored-weights.js";

/** How the files of a model are written. */
export interface FileForm {
  /** Type of the stored weights. */
  readonly weights: WeightType;
  /** Version of ONNX's default operator set. */
  readonly opset: Opset;
  /** Form of the images that the scene file takes. */
  readonly input: SceneInput;
}

/** Facts about a model that its files hold. */
export interface FileFacts extends ModelFacts {
  /** Limits by which the scene file judges images; undefined for a model that has none. */
  readonly typicality?: TypicalityLimits | undefined;
  /** How the scores of objects follow from what is found; undefined for a model whose scores are presences. */
  readonly score?: ScoreCalibration | undefined;
  /** Whether images are preprocessed before the graphs. No scene file is made then: none of the graphs does that. */
  readonly isPreprocessed: boolean;
}

/**
 * Writes the files of a model.
 *
 * @param graphs the serialised graphs, their weights stored in any way
 * @returns the serialised files by name
 * @throws {RangeError} if a weight cannot be stored as `weights`, or no scene file can be made of the graphs
 * @throws {OpsetError} if a graph cannot be written in this opset
 */
export function modelGraphs(
  graphs: Readonly<Record<GraphName, Uint8Array>>,
  { weights, opset, input }: FileForm,
  facts: FileFacts,
): GraphFiles {
  const parameters = new Set(Object.keys(parameterShapes(facts.config)));
  const stored = (name: GraphName): ModelProto => {
    const plain = withPlainWeights(decodeModel(graphs[name]));
    const known = new Set(plain.weights);
    return cleaned(
      withStoredWeights(plain.model, weights, (constant) => parameters.has(constant) || known.has(constant)),
    );
  };
  const models = Object.fromEntries(graphNames.map((name) => [name, stored(name)])) as Record<GraphName, ModelProto>;
  const { config, typicality, score, scale, isPreprocessed } = facts;
  const scene = (): ModelProto =>
    sceneFile(encodeModel(models.encoder), encodeModel(models.step), { config, typicality, score, input, scale });
  const finished = (name: GraphFile, model: ModelProto): Uint8Array =>
    encodeModel(described(withOpset(model, opset), name, facts));
  return {
    encoder: finished("encoder", models.encoder),
    step: finished("step", models.step),
    decoder: finished("decoder", models.decoder),
    ...(!isPreprocessed && { scene: finished("scene", cleaned(scene())) }),
  };
}
