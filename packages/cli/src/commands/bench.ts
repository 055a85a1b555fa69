/** `air-onnx bench`: measures how fast this machine trains and infers, by backend or device and batch size. */

import { count, percent } from "@air-onnx/measure/format";
import type { Device } from "@air-onnx/runtime-node";
import type { Backend, CpuNodes, Rates } from "@air-onnx/train";
import { Argument, Command, Option } from "commander";
import { architectureChoices, backendChoices, benchDeviceChoices } from "../choices.js";
import { UsageError } from "../failures.js";
import { describeMachine, type Machine, softwareVersions } from "../machine.js";
import { integerFrom } from "../option-values.js";
import { print, printJson } from "../output.js";
import { type Progress, showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";
import { table } from "../table.js";

interface BenchFlags {
  readonly backend?: readonly Backend[];
  readonly device?: readonly Device[];
  readonly batch?: readonly number[];
  readonly repeats: number;
  readonly threads: number;
  readonly stepsPerRun?: number;
  readonly architecture?: (typeof architectureChoices)[number];
  readonly model?: string;
  readonly json?: true;
}

/** One row of the table: the rates of one engine or device at one batch size. */
interface Measured extends Rates {
  /** Engine or device. */
  readonly name: string;
  readonly batchSize: number;
}

interface BenchReport extends Machine {
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly what: "train" | "infer";
  readonly measured: readonly Measured[];
  /** Nodes that devices leave to the CPU, in `bench infer`. */
  readonly placements: readonly CpuNodes[];
  /** Peak memory of this process over all that it measured, MiB. */
  readonly peakMemoryMegabytes: number;
}

const defaults = { batch: { train: [64], infer: [1, 64, 256] }, stepsPerRun: 20, repeats: 5 } as const;

export function benchCommand(): Command {
  return new Command("bench")
    .description(
      "Measures the speed of training steps by backend, or of an exported model's inference by device: the median over " +
        "repeats, and its share of the rate that large matrix products reach on the same device in the same process. " +
        "Several backends or devices take turns, so that other load on the machine affects all of them alike.",
    )
    .addArgument(new Argument("<what>", "what to measure").choices(["train", "infer"]))
    .addOption(
      new Option("--backend <names...>", "backends to measure, for train (default: onnxruntime)").choices(
        backendChoices,
      ),
    )
    .addOption(
      new Option("--device <names...>", "devices to measure, for infer (default: cpu)").choices(benchDeviceChoices),
    )
    .addOption(
      new Option(
        "--batch <sizes...>",
        "batch sizes to measure (default: 64 for train; 1, 64 and 256 for infer)",
      ).argParser((text: string, before: readonly number[] | undefined) => [...(before ?? []), integerFrom(1)(text)]),
    )
    .addOption(
      new Option("--repeats <n>", "number of timed runs of each").argParser(integerFrom(1)).default(defaults.repeats),
    )
    .addOption(
      new Option("--threads <n>", "number of threads on the CPU; 0 lets onnxruntime choose")
        .argParser(integerFrom(0))
        .default(0),
    )
    .addOption(
      new Option(
        "--steps-per-run <n>",
        `number of steps in one run, for train (default: ${defaults.stepsPerRun})`,
      ).argParser(integerFrom(1)),
    )
    .addOption(
      new Option("--architecture <name>", "sizes of the model's networks, for train").choices(architectureChoices),
    )
    .option("--model <folder>", "folder of an exported model, for infer")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx bench train
  $ air-onnx bench train --backend onnxruntime wasm tensorflow --batch 64 256
  $ air-onnx bench infer --model models/multi-mnist --device cpu webgpu --batch 1 256 --json`,
    )
    .action(async (what: "train" | "infer", flags: BenchFlags) => {
      refuseMisplaced(what, flags);
      using stopping = listenForStop();
      const quiet = flags.json === true;
      using progress = await showProgress({ label: `bench ${what}`, quiet });
      const measure = what === "train" ? benchTraining : benchInference;
      const results = await measure(flags, progress, stopping.signal);
      const report: BenchReport = {
        what,
        date: new Date().toISOString(),
        ...describeMachine(),
        versions: softwareVersions(),
        ...results,
        peakMemoryMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
      };
      if (quiet) printJson(report);
      else print(describe(report));
    });
}

function refuseMisplaced(what: "train" | "infer", flags: BenchFlags): void {
  const misplaced: readonly (keyof BenchFlags)[] =
    what === "train" ? ["device", "model"] : ["backend", "stepsPerRun", "architecture"];
  const given = misplaced.find((name) => flags[name] !== undefined);
  if (given !== undefined) {
    const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`--${flag} is of bench ${what === "train" ? "infer" : "train"}`);
  }
  if (what === "infer" && flags.model === undefined) {
    throw new UsageError("bench infer needs --model, the folder of an exported model");
  }
}

type Results = Pick<BenchReport, "measured" | "placements">;

async function benchTraining(flags: BenchFlags, progress: Progress, signal: AbortSignal): Promise<Results> {
  const { backend = ["onnxruntime"], batch = defaults.batch.train, stepsPerRun = defaults.stepsPerRun } = flags;
  const { repeats, threads, architecture } = flags;
  const { generateMultiStrokes } = await import("@air-onnx/scenes");
  const { measureTraining } = await import("@air-onnx/train");
  // The images of one run are used again and again, because drawing images is not measured.
  const scenes = await generateMultiStrokes({ seed: 0, size: Math.max(...batch) * stepsPerRun });
  const speeds = await measureTraining({ dataset: "multi-strokes", ...(architecture && { architecture }) }, scenes, {
    backends: backend,
    batchSizes: batch,
    repeats,
    stepsPerRun,
    threads,
    signal,
    onProgress: (what) => progress.update(0, undefined, what),
  });
  return { measured: speeds.map(({ engine, backend: _, ...speed }) => ({ name: engine, ...speed })), placements: [] };
}

async function benchInference(flags: BenchFlags, progress: Progress, signal: AbortSignal): Promise<Results> {
  const { device = ["cpu"], batch = defaults.batch.infer, repeats, threads, model } = flags;
  const { measureInference } = await import("@air-onnx/train");
  const { speeds, placements } = await measureInference(model!, {
    devices: device,
    batchSizes: batch,
    repeats,
    threads,
    signal,
    onProgress: (what) => progress.update(0, undefined, what),
  });
  return { measured: speeds.map(({ device: name, ...speed }) => ({ name, ...speed })), placements };
}

function describe(report: BenchReport): string {
  const { what, date, processor, cores, versions, measured, placements, peakMemoryMegabytes } = report;
  const milliseconds = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
  const rows = measured.map(({ name, batchSize, milliseconds: times, ...rates }) => [
    name,
    count(batchSize),
    milliseconds(times.median),
    `${milliseconds(times.least)}–${milliseconds(times.most)}`,
    count(Math.round(rates.imagesPerSecond)),
    rates.gigaflopsPerSecond.toFixed(1),
    `${rates.matmulPeak.gigaflopsPerSecond.toFixed(1)} (${rates.matmulPeak.size})`,
    percent(rates.shareOfPeak),
  ]);
  const head = [
    what === "train" ? "engine" : "device",
    "batch",
    what === "train" ? "ms/step" : "ms/call",
    "least–most",
    "images/s",
    "GFLOP/s",
    "matmul peak (side)",
    "of peak",
  ];
  const versionList = Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
  return [
    `${date.slice(0, 10)}, ${processor}, ${cores} cores; ${versionList}`,
    "",
    table([head, ...rows]),
    "",
    `Peak memory of this process: ${count(peakMemoryMegabytes)} MB`,
    ...placements.map(placementLine),
  ].join("\n");
}

/** A line such as `webgpu runs 112 of the 113 nodes of step; left to the CPU: 1 Concat`. */
function placementLine({ device, graph, total, cpu }: CpuNodes): string {
  const left = Object.entries(cpu);
  if (left.length === 0) return `${device} runs all ${total} nodes of ${graph}`;
  const onCpu = left.reduce((sum, [, nodes]) => sum + nodes, 0);
  const operators = left.map(([operator, nodes]) => `${nodes} ${operator}`).join(", ");
  return `${device} runs ${total - onCpu} of the ${total} nodes of ${graph}; left to the CPU: ${operators}`;
}
