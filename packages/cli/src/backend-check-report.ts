/** `air-onnx train --check-backends`: compares the results and the speed of the training backends on this machine. */

import type { DataPlaces } from "@air-onnx/scenes";
import type { Backend, BackendCheck } from "@air-onnx/train";
import type { Setting } from "@air-onnx/train/runs";
import { backendChoices } from "./choices.js";
import { loadRunData } from "./dataset-options.js";
import { CommandError, UsageError } from "./failures.js";
import { describeMachine, softwareVersions } from "./machine.js";
import { print, printJson } from "./output.js";
import { table } from "./table.js";
import { fittedConfigFrom } from "./train-settings.js";

export interface BackendCheckFlags extends DataPlaces {
  readonly out?: string;
  readonly resume?: string;
  readonly json?: true;
}

/**
 * Compares the backends, or only the one that the settings name, with the reference, and prints the result.
 *
 * @throws {CommandError} if a backend differs from the reference beyond the tolerance, or the named one is not available
 */
export async function reportBackendCheck(
  settings: readonly Setting[],
  { out, resume, json, ...places }: BackendCheckFlags,
  signal: AbortSignal,
): Promise<void> {
  if (out !== undefined || resume !== undefined) {
    throw new UsageError("--check-backends trains nothing: it takes neither --out nor --resume");
  }
  const quiet = json === true;
  const say = quiet ? () => {} : print;
  const config = await fittedConfigFrom(settings, say);
  const { checkBackends } = await import("@air-onnx/train");
  const { train } = await loadRunData(config, places, { signal, quiet });
  const named = settings.findLast(({ key }) => key === "backend")?.value as Backend | undefined;
  const check = await checkBackends(config, train, {
    backends: named === undefined ? backendChoices : [named],
    signal,
    onBackend: (backend) => say(`Trying ${backend}`),
  });
  if (quiet) printJson({ ...describeMachine(), versions: softwareVersions(), ...check });
  else print(describeCheck(check));
  const others = check.compared.filter(({ agrees }) => !agrees).map(({ backend }) => backend);
  if (others.length > 0) throw new CommandError(`Not within the tolerance: ${others.join(", ")}`);
  const missing = check.unavailable.find(({ backend }) => backend === named);
  if (missing) throw new CommandError(`The backend ${missing.backend} is not available: ${missing.reason}`);
}

function describeCheck(check: BackendCheck): string {
  const { reference, batchSize, stepsBefore, steps, tolerance, compared, unavailable } = check;
  const short = (value: number): string => (value === 0 ? "0" : value.toExponential(1));
  const rows = compared.map((each) => [
    each.backend,
    ...(each.backend === reference
      ? ["reference", "", "", ""]
      : [short(each.loss), short(each.gradients), short(each.update), short(each.lastLoss)]),
    each.millisecondsPerStep.toFixed(1),
    each.agrees ? "yes" : `NO: ${each.worstGradient}`,
  ]);
  return [
    `Relative differences from one state after ${stepsBefore} steps with batches of ${batchSize}: of the first step, and of the loss ${steps} steps later.`,
    "",
    table([["backend", "loss", "worst gradient", "update", `loss ${steps} later`, "ms/step", "agrees"], ...rows]),
    "",
    `A backend agrees if the loss is within ${tolerance.loss} and the gradient of every parameter within ${tolerance.gradients}, by its norm.`,
    ...(unavailable.length > 0 ? ["Not run here:"] : []),
    ...unavailable.map(({ backend, reason }) => `  ${backend}: ${reason}`),
  ].join("\n");
}
