/**
 * Trials: a trial is a few steps of one backend from a given state, to compare it with other backends and to time it.
 * Trials can run in processes of their own: a process can load only one TensorFlow, and a backend that aborts its
 * process must not lose the results of the others.
 */
import { type AskOptions, askProcess } from "@air-onnx/runtime-node/ask-process";
import type { NamedArrays, TrainingState } from "@air-onnx/trainer";
import type { TrainConfig } from "../config.js";
import { type Backend, requireBackend } from "./backends.js";
import { createEngine } from "./create.js";
import type { StepInputs } from "./engine.js";

/** The inputs of a trial. */
export interface TrialPlan {
  /** The run, with the backend to try. */
  readonly config: TrainConfig;
  /** The state that the trial starts from. */
  readonly start: TrainingState;
  /** The inputs of one step each, in order. */
  readonly inputs: readonly StepInputs[];
}

/** The results of a trial. */
export interface Trial {
  /** Name of the engine. */
  readonly engine: string;
  /** Metrics of each step. */
  readonly metrics: readonly NamedArrays[];
  /** State after the first step. */
  readonly state: TrainingState;
  /** Duration of each step; the first includes the warm-up. */
  readonly milliseconds: readonly number[];
}

/** A request to run a trial, or only to check whether a backend can run. */
export type TrialRequest = { readonly plan: TrialPlan } | { readonly backend: Backend };
/** The results of a trial, if one was requested; or the reason why the backend cannot run. */
export type TrialAnswer = { readonly trial?: Trial } | { readonly reason: string };

/**
 * Runs a trial in this process.
 *
 * @throws {BackendUnavailableError} if the configuration's backend cannot run on this machine
 */
export async function runTrial({ config, start, inputs }: TrialPlan): Promise<Trial> {
  await using engine = await createEngine(config, start);
  const metrics: NamedArrays[] = [];
  const milliseconds: number[] = [];
  let state = start;
  for (const [k, each] of inputs.entries()) {
    const began = performance.now();
    metrics.push(await engine.run(each));
    milliseconds.push(performance.now() - began);
    if (k === 0) state = structuredClone(await engine.state());
  }
  return { engine: engine.name, metrics, state, milliseconds };
}

/** Answers one request in this process. A failure is an answer with its reason; nothing is thrown. */
export async function answerTrial(request: TrialRequest): Promise<TrialAnswer> {
  try {
    if ("plan" in request) return { trial: await runTrial(request.plan) };
    await requireBackend(request.backend);
    return {};
  } catch (cause) {
    return { reason: reasonOf(cause) };
  }
}

/**
 * Answers one request in a process of its own. A crash, and a time limit that is over, are answers with their reasons;
 * nothing is thrown.
 */
export async function answerTrialApart(request: TrialRequest, options: AskOptions = {}): Promise<TrialAnswer> {
  // This is the built file also in tests, which otherwise run the sources: Node 20 cannot run TypeScript.
  const program = new URL("../../dist/engine/trial-process.js", import.meta.url);
  const result = await askProcess<TrialAnswer>(program, request, options);
  return "answer" in result ? result.answer : { reason: result.failure };
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "reason" in cause && typeof cause.reason === "string" ? cause.reason : cause.message.trim();
}
