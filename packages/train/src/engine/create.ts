/** From a configuration to the engine that it asks for. */
import type { TrainConfig } from "../config.js";
import { estimators } from "../objective/estimators.js";
import { createEagerEngine } from "./eager.js";
import type { Engine, EngineState, StepDefinition } from "./engine.js";
import { createTracedEngine } from "./traced.js";

/** The training step that a configuration defines. */
export function stepDefinition(config: TrainConfig): StepDefinition {
  const { beta1, beta2, epsilon, clipNorm, learningRate, baselineLearningRate } = config.optimizer;
  const estimator = estimators[config.estimator];
  return {
    config: config.model,
    estimator,
    batchSize: config.batchSize,
    adam: { beta1, beta2, epsilon },
    clipNorm,
    learningRateScales: Object.fromEntries(
      Object.keys(estimator.parameters(config.model)).map((name) => [name, baselineLearningRate / learningRate]),
    ),
  };
}

/** The engine that a configuration asks for. */
export function createEngine(config: TrainConfig, start: EngineState): Promise<Engine> {
  const definition = stepDefinition(config);
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
