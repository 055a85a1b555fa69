/**
 * A short run of one backend from a given state, to compare it with others and to time it; in a process of its own where
 * that matters: a process can hold only one TensorFlow, and a provider that aborts must not take the others' results along.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { TrainConfig } from "../config.js";
import type { NamedArrays, TrainingState } from "../training-state.js";
import { type Backend, requireBackend } from "./backends.js";
import { createEngine } from "./create.js";
import type { StepInputs } from "./engine.js";

export interface TrialPlan {
  readonly config: TrainConfig;
  readonly start: TrainingState;
  /** Of one step each, in order. */
  readonly inputs: readonly StepInputs[];
}

export interface Trial {
  /** The engine's name. */
  readonly engine: string;
  /** Of each step. */
  readonly metrics: readonly NamedArrays[];
  /** After the first step. */
  readonly state: TrainingState;
  /** Of each step; the first warms up. */
  readonly milliseconds: readonly number[];
}

/** What a process of trials is asked to do: make a trial, or only say whether a backend can run. */
export type TrialRequest = { readonly plan: TrialPlan } | { readonly backend: Backend };
export type TrialAnswer = { readonly trial?: Trial } | { readonly reason: string };

/** @throws {BackendUnavailableError} if the configuration's backend cannot run here */
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

/** Answers one request; failures of any kind are answers too. */
export async function answerTrial(request: TrialRequest): Promise<TrialAnswer> {
  try {
    if ("plan" in request) return { trial: await runTrial(request.plan) };
    await requireBackend(request.backend);
    return {};
  } catch (cause) {
    return { reason: reasonOf(cause) };
  }
}

/** Lines of standard error that are shown of a process that crashed. */
const SHOWN_LINES = 3;

/** As {@link answerTrial}, in a process of its own. */
export function answerTrialApart(request: TrialRequest, env: NodeJS.ProcessEnv = process.env): Promise<TrialAnswer> {
  // The built file, also for tests, which run the sources.
  const child = fork(fileURLToPath(new URL("../../dist/engine/trial-process.js", import.meta.url)), {
    execArgv: [],
    // Structured clones: the arrays of a state go over as they are.
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env,
  });
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  return new Promise((resolve) => {
    let answer: TrialAnswer | undefined;
    child.on("message", (message) => {
      answer = message as TrialAnswer;
    });
    child.on("error", (error) => {
      // Also of a request that a crashed process did not read: then its end says more.
      if (child.pid === undefined) resolve({ reason: `cannot start a process: ${error.message}` });
    });
    child.on("close", (code, signal) => {
      const last = said.trim().split("\n").slice(-SHOWN_LINES).join(" ");
      resolve(
        answer ?? { reason: `its process ended with ${signal ?? `exit code ${code}`}: ${last || "it said nothing"}` },
      );
    });
    child.send(request);
  });
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "reason" in cause && typeof cause.reason === "string" ? cause.reason : cause.message.trim();
}
