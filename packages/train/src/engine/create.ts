/** The engine that a configuration asks for. */
import type { TrainConfig } from "../config.js";
import type { Estimator } from "../objective/estimator.js";
import { createEagerEngine } from "./eager.js";
import type { Engine, EngineState } from "./engine.js";
import { createTracedEngine } from "./traced.js";

export function createEngine(config: TrainConfig, estimator: Estimator, start: EngineState): Promise<Engine> {
  const { beta1, beta2, epsilon, clipNorm } = config.optimizer;
  const definition = {
    config: config.model,
    estimator,
    batchSize: config.batchSize,
    adam: { beta1, beta2, epsilon },
    clipNorm,
  };
  switch (config.backend) {
    case "onnxruntime":
      return createTracedEngine(definition, start, { threads: config.threads });
    case "cpu":
    case "wasm":
      return createEagerEngine(definition, start, config.backend);
    default:
      return config.backend satisfies never;
  }
}
