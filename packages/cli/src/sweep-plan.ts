/** The flags of a sweep: its seeds, and the accuracy that counts as success. */
import { count } from "@air-onnx/measure/format";
import type { SweepPlan, TrainConfig } from "@air-onnx/train";
import { InvalidArgumentError } from "commander";
import { UsageError } from "./failures.js";
import { commandWriter } from "./train-settings.js";

export const sweepDefaults = { seeds: 10, successAccuracy: 0.9 } as const;
/** Most seeds of a sweep. More are taken for a typing error. */
const MOST_SEEDS = 10_000;

/** Writes the command that trains this sweep, without the configuration file that its settings may have come from. */
export async function sweepCommandFor(
  config: TrainConfig,
  seeds: readonly number[],
  successAccuracy: number,
): Promise<string> {
  const isFirst = seeds.every((seed, index) => seed === index);
  const own = [
    ...["--seeds", isFirst ? String(seeds.length) : `${seeds.join(",")}${seeds.length === 1 ? "," : ""}`],
    ...(successAccuracy === sweepDefaults.successAccuracy ? [] : ["--success-accuracy", String(successAccuracy)]),
  ];
  const training = (await commandWriter())({ ...config, seed: 0 });
  return training.replace("air-onnx train", `air-onnx sweep ${own.join(" ")}`);
}

/** Parses the seeds of a sweep: `10` means 0 to 9, `3,5,8` means these three, `3,` means 3 alone. */
export function parseSeeds(text: string): number[] {
  const numbers = text.replace(/,$/, "").split(",");
  const seeds = numbers.map(Number);
  const isList = text.includes(",");
  const isValid =
    numbers.every((number) => /^\d{1,9}$/.test(number)) &&
    (isList ? new Set(seeds).size === seeds.length : seeds[0]! >= 1 && seeds[0]! <= MOST_SEEDS);
  if (isValid) return isList ? seeds : firstSeeds(seeds[0]!);
  throw new InvalidArgumentError(
    `It must be how many seeds, from 1 to ${count(MOST_SEEDS)}, or which, each once, such as 3,5,8 (one alone: 3,).`,
  );
}

/** The seeds from 0 to `many` - 1. */
export function firstSeeds(many: number): number[] {
  return Array.from({ length: many }, (_, seed) => seed);
}

/**
 * Refuses flags that contradict the plan of the sweep in `path`.
 *
 * @throws {UsageError} listing the differences
 */
export function refuseOtherPlan(
  path: string,
  plan: SweepPlan,
  { seeds, successAccuracy }: Partial<Pick<SweepPlan, "seeds" | "successAccuracy">>,
): void {
  const differences = [
    ...difference("seeds", plan.seeds.join(","), seeds?.join(",")),
    ...difference("success accuracy", plan.successAccuracy, successAccuracy),
  ];
  if (differences.length === 0) return;
  throw new UsageError(
    `${path} goes on as it was started; these differ:\n${differences.join("\n")}\n` +
      "Leave them out, or start another sweep by --out.",
  );
}

function difference<Value>(name: string, saved: Value, given: Value | undefined): string[] {
  return given === undefined || given === saved ? [] : [`  ${name}: ${saved} → ${given}`];
}
