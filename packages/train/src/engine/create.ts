/** The creation of engines from configurations. */

import { availableParallelism } from "node:os";
import type { TrainingState } from "@air-onnx/trainer";
import type { TrainConfig } from "../config.js";
import type { ComposedBatch } from "../objective/estimator.js";
import { estimators } from "../objective/estimators.js";
import { requireBackend } from "./backends.js";
import { partsFor } from "./batch-parts.js";
import { createEagerEngine } from "./eager.js";
import type { Engine, StepDefinition } from "./engine.js";
import { createInPlaceEngine } from "./traced-in-place.js";
import { createLoopEngine } from "./traced-loop.js";
import { createTracedWebgpuEngine } from "./traced-webgpu.js";

/**
 * The training step that a configuration defines.
 *
 * @param composed the composed images among those of a batch, if there are any
 */
export function stepDefinition(config: TrainConfig, composed?: ComposedBatch): StepDefinition {
  const { beta1, beta2, epsilon, clipNorm, learningRate, baselineLearningRate } = config.optimizer;
  const estimator = estimators[config.estimator];
  return {
    config: config.model,
    estimator,
    batchSize: config.batchSize - (composed?.images ?? 0),
    composed,
    adam: { beta1, beta2, epsilon },
    clipNorm,
    learningRateScales: Object.fromEntries(
      Object.keys(estimator.parameters(config.model)).map((name) => [name, baselineLearningRate / learningRate]),
    ),
  };
}

/**
 * Creates the engine of the configuration's backend.
 *
 * @param start the state that training starts from; it is not changed
 * @param composed the composed images among those of a batch, if there are any
 * @throws {BackendUnavailableError} if the backend cannot run on this machine
 */
export async function createEngine(
  config: TrainConfig,
  start: TrainingState,
  composed?: ComposedBatch,
): Promise<Engine> {
  const definition = stepDefinition(config, composed);
  const { backend } = config;
  await requireBackend(backend);
  switch (backend) {
    case "onnxruntime": {
      const cores = config.threads || availableParallelism();
      const parts = partsFor(definition, cores);
      const threads = parts === 1 ? config.threads : Math.floor(cores / parts);
      return createInPlaceEngine(definition, start, { threads, parts });
    }
    case "onnxruntime-cuda":
      return createLoopEngine(definition, start, { device: "cuda" });
    case "onnxruntime-webgpu":
      return createTracedWebgpuEngine(definition, start);
    case "tensorflow":
    case "tensorflow-gpu":
    case "webgpu":
    case "wasm":
    case "cpu":
      return createEagerEngine(definition, start, backend);
    default:
      return backend satisfies never;
  }
}
