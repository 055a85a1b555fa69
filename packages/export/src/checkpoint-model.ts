/** A run's newest checkpoint as a model in onnxruntime, with the graphs that its export would have. */
import {
  type AirConfig,
  decodeScenes,
  estimateEvidence,
  type GraphName,
  inferScenes,
  type SceneModel,
  samplePrior,
  withPresencePrior,
} from "@air-onnx/core";
import type { MeasurableModel } from "@air-onnx/measure";
import { openGraphs, releaseGraphs } from "@air-onnx/runtime-node/open-graphs";
import type { TrainedRun } from "@air-onnx/train";
import { encodeGraphs } from "./graphs.js";

/** A checkpoint that can infer scenes, sample from the prior and be measured. Dispose of it to free its sessions. */
export interface CheckpointModel extends SceneModel, Pick<MeasurableModel, "evidence">, AsyncDisposable {}

/**
 * Traces the graphs that an export of the run would have, and opens them in onnxruntime.
 *
 * @param config the model, if it is to differ from the run's in a way that the parameters allow
 * @throws {ModelFileError} if onnxruntime cannot load one of them
 */
export async function openCheckpoint(
  { folder, parameters }: TrainedRun,
  config: AirConfig = folder.config.model,
): Promise<CheckpointModel> {
  const nameOf = (graph: GraphName): string => `the ${graph} graph of the checkpoint in ${folder.path}`;
  const sessions = await openGraphs(encodeGraphs(config, parameters), config, { nameOf });
  const { encoder, step, decoder } = sessions;
  return {
    config,
    infer: (images, options) => inferScenes({ encoder, step, decoder }, config, images, options),
    evidence: (images, options) => estimateEvidence({ encoder, step }, config, images, options),
    sample: (n, { seed = 0, count, presencePrior = config.prior.presence, ...options } = {}) =>
      decodeScenes(decoder, config, samplePrior(withPresencePrior(config, presencePrior), n, seed, count), options),
    [Symbol.asyncDispose]: () => releaseGraphs(sessions),
  };
}
