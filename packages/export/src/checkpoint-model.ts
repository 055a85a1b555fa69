/** A run's newest checkpoint as a model in onnxruntime, with the graphs that its export would have. */
import {
  type AirConfig,
  decodeScenes,
  estimateEvidence,
  type GraphName,
  inferScenes,
  prepareBatch,
  restoreScenes,
  type SceneModel,
  samplePrior,
  withPresencePrior,
} from "@air-onnx/core";
import type { MeasurableModel } from "@air-onnx/measure";
import { openGraphs, releaseGraphs } from "@air-onnx/runtime-node/open-graphs";
import type { TrainedRun } from "@air-onnx/train";
import { encodeGraphs } from "./graphs.js";

/** A checkpoint that can infer scenes, sample from the prior and be measured. Dispose of it to free its sessions. */
export interface CheckpointModel extends SceneModel, Pick<MeasurableModel, "evidence">, AsyncDisposable {
  /** The model behind its preprocessing: it takes prepared images, and its reconstructions are like them. */
  readonly behindPreprocessing: Pick<SceneModel, "config" | "infer">;
}

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
  const { preprocessing } = folder.config;
  const nameOf = (graph: GraphName): string => `the ${graph} graph of the checkpoint in ${folder.path}`;
  const sessions = await openGraphs(encodeGraphs(config, parameters), config, { nameOf });
  const { encoder, step, decoder } = sessions;
  // onnxruntime rejects shared memory.
  const prepare = (images: Float32Array) =>
    prepareBatch(
      images.buffer instanceof ArrayBuffer ? (images as Float32Array<ArrayBuffer>) : images.slice(),
      config,
      preprocessing,
    );
  return {
    config,
    infer: async (images, options) => {
      const batch = prepare(images);
      return restoreScenes(await inferScenes({ encoder, step, decoder }, config, batch.images, options), batch);
    },
    behindPreprocessing: {
      config,
      infer: (images, options) => inferScenes({ encoder, step, decoder }, config, images, options),
    },
    evidence: (images, options) => estimateEvidence({ encoder, step }, config, prepare(images).images, options),
    sample: (n, { seed = 0, count, presencePrior = config.prior.presence, ...options } = {}) =>
      decodeScenes(decoder, config, samplePrior(withPresencePrior(config, presencePrior), n, seed, count), options),
    [Symbol.asyncDispose]: () => releaseGraphs(sessions),
  };
}
