/** A run's newest checkpoint as a model that infers and imagines, by the graphs that its export would have. */
import {
  decodeScenes,
  estimateEvidence,
  type GraphName,
  graphNames,
  inferScenes,
  type SceneModel,
  samplePrior,
  withPresencePrior,
} from "@air-onnx/core";
import type { MeasurableModel } from "@air-onnx/measure";
import { InferenceSession } from "@air-onnx/runtime-node/onnxruntime";
import type { TrainedRun } from "@air-onnx/train";
import { encodeGraphs } from "./graphs.js";

/** A checkpoint that infers, imagines and can be measured. */
export interface CheckpointModel extends SceneModel, Pick<MeasurableModel, "evidence">, AsyncDisposable {}

/** Opens the graphs of `run`, which are not compared with anything as those of an export are. */
export async function openCheckpoint({ folder, parameters }: TrainedRun): Promise<CheckpointModel> {
  const config = folder.config.model;
  const graphs = encodeGraphs(config, parameters);
  const sessions: Partial<Record<GraphName, InferenceSession>> = {};
  const release = async (): Promise<void> => {
    await Promise.all(Object.values(sessions).map((session) => session.release()));
  };
  try {
    for (const name of graphNames) {
      sessions[name] = await InferenceSession.create(graphs[name], { executionProviders: ["cpu"] });
    }
  } catch (cause) {
    await release();
    throw cause;
  }
  const { encoder, step, decoder } = sessions as Record<GraphName, InferenceSession>;
  return {
    config,
    infer: (images, options) => inferScenes({ encoder, step }, config, images, options),
    evidence: (images, options) => estimateEvidence({ encoder, step }, config, images, options),
    sample: (n, { seed = 0, count, presencePrior = config.prior.presence, ...options } = {}) =>
      decodeScenes(decoder, config, samplePrior(withPresencePrior(config, presencePrior), n, seed, count), options),
    [Symbol.asyncDispose]: release,
  };
}
