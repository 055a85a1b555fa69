/**
 * How fast training steps are by backend and batch size. The backends take turns in one process, so that what else the
 * machine does meets all alike.
 */

import type { ImageSource } from "@air-onnx/scenes";
import { Batches } from "../batches.js";
import { parseTrainConfig, type TrainConfigInput } from "../config.js";
import { type Backend, requireBackend, tracedDevice } from "../engine/backends.js";
import { createEngine, stepDefinition } from "../engine/create.js";
import type { Engine } from "../engine/engine.js";
import type { EagerBackend } from "../engine/tfjs-backends.js";
import { traceTrainStep } from "../engine/traced-step.js";
import { initialState } from "../initial-state.js";
import { eagerPeak, type MatmulPeak, onnxruntimePeak } from "./matmul-peak.js";
import { matrixWork } from "./matrix-work.js";
import { type Rates, ratesOf } from "./rates.js";

/** Of one training step. */
export interface TrainingSpeed extends Rates {
  readonly backend: Backend;
  readonly engine: string;
  readonly batchSize: number;
}

export interface TrainingSpeedOptions {
  readonly backends: readonly Backend[];
  readonly batchSizes: readonly number[];
  /** Timed runs of each; one more warms up. */
  readonly repeats: number;
  /** In one run of the traced engines; the eager ones run one at a time. */
  readonly stepsPerRun: number;
  readonly threads: number;
  readonly signal?: AbortSignal;
  /** Is told what is measured next. */
  readonly onProgress?: (what: string) => void;
}

/**
 * @param input the model and its data set; batch size and backend are the options'
 * @throws {BackendUnavailableError} if one of the backends cannot run here
 */
export async function measureTraining(
  input: TrainConfigInput,
  scenes: ImageSource,
  { backends, batchSizes, repeats, stepsPerRun, threads, signal, onProgress = () => {} }: TrainingSpeedOptions,
): Promise<TrainingSpeed[]> {
  const peaks = new Map<Backend, MatmulPeak>();
  for (const backend of backends) {
    signal?.throwIfAborted();
    onProgress(`matrix products on ${backend}`);
    await requireBackend(backend);
    const device = tracedDevice(backend);
    peaks.set(
      backend,
      await (device === undefined ? eagerPeak(backend as EagerBackend) : onnxruntimePeak(device, threads)),
    );
  }
  const speeds: TrainingSpeed[] = [];
  for (const batchSize of batchSizes) {
    const config = parseTrainConfig({ ...input, batchSize, threads, stepsPerRun: 1 });
    const work = matrixWork(traceTrainStep(stepDefinition(config)).traced);
    const start = initialState(config);
    const batches = new Batches(config, scenes);

    const contenders: { backend: Backend; engine: Engine; steps: number; times: number[] }[] = [];
    try {
      for (const backend of backends) {
        const engine = await createEngine({ ...config, backend }, start);
        contenders.push({ backend, engine, steps: tracedDevice(backend) === undefined ? 1 : stepsPerRun, times: [] });
      }
      for (let round = 0; round <= repeats; round++) {
        for (const { backend, engine, steps, times } of contenders) {
          signal?.throwIfAborted();
          onProgress(`${backend}, batch ${batchSize}: ${round === 0 ? "warm-up" : `run ${round} of ${repeats}`}`);
          const inputs = batches.next(round * steps, steps);
          const began = performance.now();
          await engine.run(inputs);
          if (round > 0) times.push((performance.now() - began) / steps);
        }
      }
      for (const { backend, engine, times } of contenders) {
        const rates = ratesOf(times, batchSize, work, peaks.get(backend)!);
        speeds.push({ backend, engine: engine.name, batchSize, ...rates });
      }
    } finally {
      for (const { engine } of contenders) await engine[Symbol.asyncDispose]();
    }
  }
  return speeds;
}
