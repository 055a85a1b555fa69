/**
 * The comparison of backends: from the same state, images and noise, each must compute the loss and gradients of the
 * reference backend up to rounding. Whole runs cannot be compared: training amplifies rounding, and the first update of
 * Adam depends on the sign of each gradient alone.
 */
import type { ImageSource } from "@air-onnx/scenes";
import type { TrainingState } from "@air-onnx/trainer";
import { Batches } from "../batches.js";
import type { TrainConfig } from "../config.js";
import { BackendUnavailableError } from "../errors.js";
import { initialState } from "../initial-state.js";
import type { Backend } from "./backends.js";
import { createEngine } from "./create.js";
import { relativeDistance } from "./gradient-check.js";
import { answerTrialApart, type Trial, type TrialAnswer, type TrialRequest } from "./trial.js";

/**
 * The backend that others are compared with. It installs everywhere, and tests compare its gradients with those of tfjs
 * `cpu` and of the reference implementation in PyTorch.
 */
export const REFERENCE_BACKEND = "onnxruntime" satisfies Backend;
/** Steps of the reference backend up to the state where the comparison starts, so that Adam's moments are not zero. */
const STEPS_BEFORE = 10;
/** Steps of each backend: the first is compared, the others are timed. */
const STEPS = 4;

/** Largest relative differences that count as rounding. */
export const checkTolerance = { loss: 1e-4, gradients: 1e-3 } as const;

/** Differences of one backend from the reference backend. */
export interface BackendParity {
  /** The backend that is compared. */
  readonly backend: Backend;
  /** Name of its engine. */
  readonly engine: string;
  /** |loss - reference| / |reference| at the first step. */
  readonly loss: number;
  /** Largest ‖g - reference‖ / ‖reference‖ of the gradient g of one parameter, computed from Adam's first moment. */
  readonly gradients: number;
  /** Name of the parameter with this largest difference. */
  readonly worstGradient: string;
  /**
   * ‖Δ - reference‖ / ‖reference‖ of the change Δ of all parameters together. It has no tolerance: where gradients are
   * as small as their rounding, Adam divides rounding by rounding.
   */
  readonly update: number;
  /** |loss - reference| / |reference| at the last step, for information. */
  readonly lastLoss: number;
  /** Median over the steps after the first, without the drawing of their inputs. */
  readonly millisecondsPerStep: number;
  /** Whether `loss` and `gradients` are within the tolerance. */
  readonly agrees: boolean;
}

/** Result of a comparison of backends. */
export interface BackendCheck {
  /** The backend that the others were compared with. */
  readonly reference: Backend;
  /** Images of one step. */
  readonly batchSize: number;
  /** Steps of the reference backend up to the state where the comparison starts. */
  readonly stepsBefore: number;
  /** Steps that each backend ran from there. */
  readonly steps: number;
  /** Largest relative differences that were allowed. */
  readonly tolerance: typeof checkTolerance;
  /** Backends that ran, the reference first. */
  readonly compared: readonly BackendParity[];
  /** Backends that could not run, with what is missing and how to get it. */
  readonly unavailable: readonly { readonly backend: Backend; readonly reason: string }[];
}

/** Options of {@link checkBackends}. */
export interface BackendCheckOptions {
  /** Backends to compare with the reference. */
  readonly backends: readonly Backend[];
  /** Stops before the next backend. */
  readonly signal?: AbortSignal;
  /** Called before each backend is tried. */
  readonly onBackend?: (backend: Backend) => void;
  /** Runs a trial; by default in a process of its own. */
  readonly answer?: (request: TrialRequest) => Promise<TrialAnswer>;
}

/**
 * Compares backends over a few steps of `config`. Each backend runs in a process of its own, in full float32: NVIDIA's
 * libraries are told not to round to TF32.
 *
 * @param config the run; its `backend` is not used
 * @param scenes the training images
 * @throws {Error} if the reference backend fails
 * @throws the signal's reason when it is aborted
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
  return answerTrialApart(request, { env: { ...process.env, NVIDIA_TF32_OVERRIDE: "0" } });
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
  // The gradient is what the step added to Adam's decayed sum of gradients.
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
    // NaN compares as false, so it disagrees.
    agrees: loss <= checkTolerance.loss && worst <= checkTolerance.gradients,
  };
}

/** The median of `values`; for an even number of them, the larger of the two in the middle. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
