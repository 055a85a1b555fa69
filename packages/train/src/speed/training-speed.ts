/**
 * The speed of training steps by backend and batch size: wall time, with the drawing of their inputs. The backends take
 * turns in one process, so that other load on the machine affects all of them alike.
 */
import type { ImageSource } from "@air-onnx/scenes";
import { Batches } from "../batches.js";
import { parseTrainConfig, type TrainConfigInput } from "../config.js";
import { requireProbedBackend } from "../engine/backend-status.js";
import { type Backend, tracedDevice } from "../engine/backends.js";
import { createEngine, stepDefinition } from "../engine/create.js";
import type { Engine, StepInputs } from "../engine/engine.js";
import type { EagerBackend } from "../engine/tfjs-backends.js";
import { traceTrainStep } from "../engine/traced-step.js";
import { initialState } from "../initial-state.js";
import { eagerPeak, type MatmulPeak, onnxruntimePeak } from "./matmul-peak.js";
import { matrixWork } from "./matrix-work.js";
import { type Rates, ratesOf } from "./rates.js";

/** The speed of one training step. */
export interface TrainingSpeed extends Rates {
  /** The backend that ran the steps. */
  readonly backend: Backend;
  /** Name of its engine. */
  readonly engine: string;
  /** Images of one step. */
  readonly batchSize: number;
}

/** Options of {@link measureTraining}. */
export interface TrainingSpeedOptions {
  /** Backends to measure. */
  readonly backends: readonly Backend[];
  /** Batch sizes to measure on each backend. */
  readonly batchSizes: readonly number[];
  /** Timed runs for each backend and batch size, after one that warms up. */
  readonly repeats: number;
  /** Steps in one run of a traced engine. Eager engines run one step at a time. */
  readonly stepsPerRun: number;
  /** Threads of one operator on the CPU; 0 lets onnxruntime choose. */
  readonly threads: number;
  /** Stops before the next run. */
  readonly signal?: AbortSignal;
  /** Called with what is measured next, in words. */
  readonly onProgress?: (what: string) => void;
}

/**
 * Measures the time of training steps.
 *
 * @param input the run; its batch size, backend and threads are not used, see the options
 * @param scenes the training images
 * @throws {BackendUnavailableError} if one of the backends cannot run on this machine
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
    await requireProbedBackend(backend);
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
    let inputs: StepInputs | undefined;
    try {
      for (const backend of backends) {
        const engine = await createEngine({ ...config, backend }, start);
        contenders.push({ backend, engine, steps: tracedDevice(backend) === undefined ? 1 : stepsPerRun, times: [] });
      }
      for (let round = 0; round <= repeats; round++) {
        for (const { backend, engine, steps, times } of contenders) {
          signal?.throwIfAborted();
          onProgress(`${backend}, batch ${batchSize}: ${round === 0 ? "warm-up" : `run ${round} of ${repeats}`}`);
          const began = performance.now();
          inputs = batches.next(round * steps, steps, inputs);
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
