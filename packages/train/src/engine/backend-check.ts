/**
 * Compares backends step by step: from one state, with the same images and noise, each must find the reference's loss and
 * gradients up to rounding. Whole runs cannot be compared: training is chaotic, and Adam's first step is a sign.
 */

import type { ImageSource } from "@air-onnx/scenes";
import { Batches } from "../batches.js";
import type { TrainConfig } from "../config.js";
import { BackendUnavailableError } from "../errors.js";
import { initialState } from "../initial-state.js";
import type { TrainingState } from "../training-state.js";
import type { Backend } from "./backends.js";
import { createEngine } from "./create.js";
import { relativeDistance } from "./gradient-check.js";
import { answerTrialApart, type Trial, type TrialAnswer, type TrialRequest } from "./trial.js";

/** Installs everywhere, and its gradients are tested against tfjs `cpu` and the reference implementation's. */
export const REFERENCE_BACKEND = "onnxruntime" satisfies Backend;
/** Steps of the reference before the state that is compared: at the very first, Adam's moments are zero. */
const STEPS_BEFORE = 10;
/** Steps of each backend: the first is compared, the others timed. */
const STEPS = 4;

/** The largest relative differences that are rounding. */
export const checkTolerance = { loss: 1e-4, gradients: 1e-3 } as const;

/** How a backend differs from the reference. */
export interface BackendParity {
  readonly backend: Backend;
  readonly engine: string;
  /** |loss - reference| / |reference| of the first step. */
  readonly loss: number;
  /** ‖g - reference‖ / ‖reference‖ of the parameter where it is largest, from Adam's first moment. */
  readonly gradients: number;
  readonly worstGradient: string;
  /** ‖Δ - reference‖ / ‖reference‖ of the change of all parameters together. Adam divides rounding by rounding: no bound. */
  readonly update: number;
  /** As `loss`, of the last step: what the steps have made of the differences. */
  readonly lastLoss: number;
  /** Median of the steps after the first. */
  readonly millisecondsPerStep: number;
  readonly agrees: boolean;
}

export interface BackendCheck {
  readonly reference: Backend;
  readonly batchSize: number;
  readonly stepsBefore: number;
  readonly steps: number;
  readonly tolerance: typeof checkTolerance;
  /** Those that ran, the reference first. */
  readonly compared: readonly BackendParity[];
  readonly unavailable: readonly { readonly backend: Backend; readonly reason: string }[];
}

export interface BackendCheckOptions {
  readonly backends: readonly Backend[];
  readonly signal?: AbortSignal;
  /** Is told of each backend before it is tried. */
  readonly onBackend?: (backend: Backend) => void;
  /** How a trial is made; in a process of its own by default. */
  readonly answer?: (request: TrialRequest) => Promise<TrialAnswer>;
}

/**
 * Runs a few steps of `config` on each backend. The processes of trials compute in full float32, also where NVIDIA's
 * libraries would round to TF32.
 */
export async function checkBackends(
  config: TrainConfig,
  scenes: ImageSource,
  { backends, signal, onBackend = () => {}, answer = answerInFloat32 }: BackendCheckOptions,
): Promise<BackendCheck> {
  const batches = new Batches(config, scenes);
  const start = await stateAfter({ ...config, backend: REFERENCE_BACKEND }, batches);
  const inputs = Array.from({ length: STEPS }, (_, k) => batches.next(STEPS_BEFORE + k, 1));
  const trialOf = async (backend: Backend): Promise<TrialAnswer> => {
    signal?.throwIfAborted();
    onBackend(backend);
    return answer({ plan: { config: { ...config, backend }, start, inputs } });
  };
  const first = await trialOf(REFERENCE_BACKEND);
  if (!("trial" in first) || !first.trial) {
    throw new BackendUnavailableError(REFERENCE_BACKEND, "reason" in first ? first.reason : "its trial gave nothing");
  }
  const reference = first.trial;
  const compare = (backend: Backend, trial: Trial) => compareTrials(backend, trial, reference, start, config);

  const compared = [compare(REFERENCE_BACKEND, reference)];
  const unavailable: { backend: Backend; reason: string }[] = [];
  for (const backend of backends) {
    if (backend === REFERENCE_BACKEND) continue;
    const outcome = await trialOf(backend);
    if ("reason" in outcome) unavailable.push({ backend, reason: outcome.reason });
    else compared.push(compare(backend, outcome.trial!));
  }
  return {
    reference: REFERENCE_BACKEND,
    batchSize: config.batchSize,
    stepsBefore: STEPS_BEFORE,
    steps: STEPS,
    tolerance: checkTolerance,
    compared,
    unavailable,
  };
}

function answerInFloat32(request: TrialRequest): Promise<TrialAnswer> {
  return answerTrialApart(request, { ...process.env, NVIDIA_TF32_OVERRIDE: "0" });
}

async function stateAfter(config: TrainConfig, batches: Batches): Promise<TrainingState> {
  await using engine = await createEngine(config, initialState(config));
  await engine.run(batches.next(0, STEPS_BEFORE));
  return structuredClone(await engine.state());
}

function compareTrials(
  backend: Backend,
  trial: Trial,
  reference: Trial,
  start: TrainingState,
  { optimizer: { beta1 } }: TrainConfig,
): BackendParity {
  const lossOf = ({ metrics }: Trial, step: number): number => metrics.at(step)!.loss![0]!;
  const lossDifference = (step: number): number =>
    Math.abs(lossOf(trial, step) - lossOf(reference, step)) / Math.abs(lossOf(reference, step));
  // What the step added to Adam's decayed sum of gradients.
  const gradient = (state: TrainingState, name: string): Float32Array =>
    state.firstMoment[name]!.data.map((sum, i) => sum - beta1 * start.firstMoment[name]!.data[i]!);
  const change = (state: TrainingState): Float32Array =>
    Float32Array.from(
      Object.entries(state.parameters).flatMap(([name, { data }]) =>
        Array.from(data, (value, i) => value - start.parameters[name]!.data[i]!),
      ),
    );
  const gradients = Object.keys(start.firstMoment).map(
    (name) => [name, relativeDistance(gradient(trial.state, name), gradient(reference.state, name))] as const,
  );
  const [worstGradient, worst] = gradients.reduce((a, b) => (b[1] > a[1] || Number.isNaN(b[1]) ? b : a));
  const loss = lossDifference(0);
  return {
    backend,
    engine: trial.engine,
    loss,
    gradients: worst,
    worstGradient,
    update: relativeDistance(change(trial.state), change(reference.state)),
    lastLoss: lossDifference(-1),
    millisecondsPerStep: median(trial.milliseconds.slice(1)),
    // Written so that a NaN disagrees.
    agrees: loss <= checkTolerance.loss && worst <= checkTolerance.gradients,
  };
}

/** The middle one of `values`, the upper of the two of an even number. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
