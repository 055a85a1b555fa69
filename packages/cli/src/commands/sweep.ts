/** `air-onnx sweep`: trains one configuration with many seeds, and writes a table with all of them. */
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { count } from "@air-onnx/measure/format";
import type { DataPlaces } from "@air-onnx/scenes";
import type { LockedSweep, SweepFolder, SweepPlan, SweepSession, TrainConfig } from "@air-onnx/train";
import type { Setting } from "@air-onnx/train/runs";
import { Command, Option } from "commander";
import { addPlaceOptions, loadedLine, loadRunData } from "../dataset-options.js";
import { CommandError, StoppedError, UsageError } from "../failures.js";
import { describeMachine, softwareVersions } from "../machine.js";
import { integerFrom, numberAbove } from "../option-values.js";
import { notice, print } from "../output.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";
import { firstSeeds, parseSeeds, refuseOtherPlan, sweepCommandFor, sweepDefaults } from "../sweep-plan.js";
import { addSettingOptions, fittedConfigFrom, givenSettings } from "../train-settings.js";
import { refuseOtherSettings } from "./train.js";

interface SweepFlags extends DataPlaces {
  readonly seeds?: readonly number[];
  readonly seed?: number;
  readonly set?: readonly string[];
  readonly jobs?: number;
  readonly successAccuracy?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly retryFailed?: true;
}

export function sweepCommand(): Command {
  const command = new Command("sweep")
    .description(
      "Trains one configuration with many seeds, each in a run folder of its own, several at once. The table of results " +
        "has a row for every seed, including those that failed.",
    )
    .addOption(
      new Option(
        "--seeds <list>",
        `number of seeds, from 0 on, or a list of seeds, such as 3,5,8 (default: ${sweepDefaults.seeds})`,
      ).argParser(parseSeeds),
    )
    .addOption(
      new Option(
        "--jobs <n>",
        "number of seeds trained at once (default: the number of cores divided by the threads of each seed)",
      ).argParser(integerFrom(1)),
    )
    .addOption(
      new Option(
        "--success-accuracy <x>",
        `least MAP count accuracy of a successful seed (default: ${sweepDefaults.successAccuracy})`,
      ).argParser(numberAbove(0, 1)),
    )
    .option("--out <folder>", "new folder of the sweep (default: sweeps/DATASET)")
    .option("--resume <folder>", "go on with this sweep; finished and failed seeds stay as they are")
    .option("--retry-failed", "with --resume, train failed seeds again from their newest checkpoints");
  addPlaceOptions(addSettingOptions(command));
  // Each run of a sweep has its own seed.
  command.options.find(({ long }) => long === "--seed")?.hideHelp();
  return command
    .addHelpText(
      "after",
      `
With more than one job, each uses 1 thread unless --threads says otherwise. Ctrl-C saves a checkpoint of every seed in
training and stops; a seed that diverges or fails is in the table with the reason, and the others go on.

Examples:
  $ air-onnx sweep --seeds 10 --dataset multi-mnist --out sweeps/mnist
  $ air-onnx sweep --seeds 3,5,8 --jobs 2 --steps 1000
  $ air-onnx sweep --resume sweeps/mnist
  $ air-onnx sweep --resume sweeps/mnist --retry-failed`,
    )
    .action(async (flags: SweepFlags) => {
      const settings = await sharedSettings(flags);
      using stopping = listenForStop();
      if (flags.resume === undefined) await start(settings, flags, stopping.signal);
      else await resume(flags.resume, settings, flags, stopping.signal);
    });
}

/** The settings that all seeds share. */
async function sharedSettings(flags: SweepFlags): Promise<Setting[]> {
  const settings = await givenSettings(
    flags as Readonly<Record<string, unknown>>,
    undefined,
    flags.resume !== undefined,
  );
  if (flags.seed !== undefined || flags.set?.some((text) => text.startsWith("seed="))) {
    throw new UsageError("A sweep trains many seeds: say which by --seeds instead of --seed");
  }
  // The configuration file of a run has its seed, and perhaps threads that are left open, which the sweep decides.
  return settings.filter(({ key, value }) => key !== "seed" && !(key === "threads" && value === 0));
}

async function start(settings: readonly Setting[], flags: SweepFlags, signal: AbortSignal): Promise<void> {
  if (flags.retryFailed) throw new UsageError("--retry-failed needs --resume");
  const { createSweep, shareCores } = await import("@air-onnx/train");
  const seeds = flags.seeds ?? firstSeeds(sweepDefaults.seeds);
  const asked = await fittedConfigFrom(settings, print);
  const { jobs, threads } = shareCores(flags.jobs, asked.threads, seeds.length);
  const config = { ...asked, threads };
  const successAccuracy = flags.successAccuracy ?? sweepDefaults.successAccuracy;
  const plan: SweepPlan = {
    config,
    seeds,
    successAccuracy,
    command: await sweepCommandFor(config, seeds, successAccuracy),
  };
  const { imagesName } = await import("@air-onnx/scenes");
  const path = flags.out ?? `sweeps/${imagesName(config)}`;
  const locked = await createSweep(path, plan, sessionNow(jobs), notice);
  print(`Sweep folder: ${path}`);
  await trainAndReport(locked, { jobs, flags, signal, isNew: true });
}

async function resume(
  path: string,
  settings: readonly Setting[],
  flags: SweepFlags,
  signal: AbortSignal,
): Promise<void> {
  if (flags.out !== undefined)
    throw new UsageError("--out and --resume exclude each other: a sweep goes on in its folder");
  const { jobsFor, openSweep, resumeSweep } = await import("@air-onnx/train");
  const { plan } = openSweep(path);
  refuseOtherPlan(path, plan, flags);
  await refuseOtherSettings(path, plan.config, settings);
  const locked = await resumeSweep(path, notice);
  const { sweep } = locked;
  if (flags.retryFailed) {
    for (const seed of sweep.seeds) {
      if (seed.status !== "failed") continue;
      const earlierFailures = [...seed.earlierFailures, seed.failure];
      sweep.record({ seed: seed.seed, status: "stopped", step: seed.step, earlierFailures });
    }
  }
  const left = sweep.summary.open.length;
  const jobs = Math.max(1, Math.min(left, flags.jobs ?? jobsFor(plan.config.threads)));
  if (left > 0) sweep.addSession(sessionNow(jobs));
  await trainAndReport(locked, { jobs, flags, signal, isNew: false });
}

interface SweepRun {
  readonly jobs: number;
  readonly flags: SweepFlags;
  readonly signal: AbortSignal;
  readonly isNew: boolean;
}

/** Trains the seeds that are left, writes and prints the table, and frees the lock. */
async function trainAndReport({ sweep, lock }: LockedSweep, { jobs, flags, signal, isNew }: SweepRun): Promise<void> {
  try {
    const { finished, open } = sweep.summary;
    if (finished.length > 0) print(`${finished.length} of ${sweep.seeds.length} seeds are finished already`);
    if (open.length > 0) {
      await prepareData(sweep, flags, { signal, isNew });
      print(`${trainingOf(open.length)} ${jobs} at once with ${threadsOf(sweep.plan.config)}, on ${cores()}`);
      const { SweepReport } = await import("../sweep-report.js");
      const { trainSeeds } = await import("@air-onnx/train");
      // Without a terminal, only evaluations and ends of seeds are printed.
      using progress = await showProgress({ label: "sweep", everyMs: Number.POSITIVE_INFINITY });
      const sayStopping = (): void =>
        progress.line("Stopping every seed with a checkpoint. Ctrl-C again does not wait.");
      signal.addEventListener("abort", sayStopping, { once: true });
      const { mnistDir, cacheDir } = flags;
      const places = { mnistDir: mnistDir || undefined, cacheDir: cacheDir || undefined };
      const listener = new SweepReport(sweep, progress);
      await trainSeeds(sweep, { jobs, places, signal, listener, onNotice: notice });
    }
    print(`\n${sweep.page()}`);
    await sweep.save();
  } finally {
    lock.release();
  }
  print(`Table: ${sweep.tableFile}\nNumbers: ${sweep.sweepFile}`);
  refuseUnlessFinished(sweep, signal);
}

/** Loads the data once for all seeds, which fills the cache. Data that cannot be loaded fail here, not once for each seed. */
async function prepareData(
  { path, plan }: SweepFolder,
  places: DataPlaces,
  { signal, isNew }: Pick<SweepRun, "signal" | "isNew">,
): Promise<void> {
  const began = performance.now();
  try {
    const dataset = await loadRunData(plan.config, places, { signal });
    print(loadedLine(dataset, (performance.now() - began) / 1000));
  } catch (cause) {
    // Nothing was trained, and the folder would block the next try.
    if (isNew) await rm(path, { recursive: true, force: true }).catch(() => {});
    throw cause;
  }
}

function refuseUnlessFinished({ path, summary }: SweepFolder, signal: AbortSignal): void {
  const goOn = `air-onnx sweep --resume ${path}`;
  const { finished, failed, open, seeds } = summary;
  if (open.length > 0 && signal.reason instanceof StoppedError) {
    throw new StoppedError(
      signal.reason.signal,
      `Stopped with ${finished.length} of ${seeds} seeds finished. Go on by: ${goOn}`,
    );
  }
  const complaints = [
    ...(open.length > 0 ? [`Seed ${open.join(", ")} was stopped. Go on by: ${goOn}`] : []),
    ...(failed.length > 0
      ? [`Seed ${failed.join(", ")} failed; the table says why. Try again by: ${goOn} --retry-failed`]
      : []),
  ];
  if (complaints.length > 0) throw new CommandError(complaints.join("\n"));
}

function trainingOf(seeds: number): string {
  return seeds === 1 ? "Training 1 seed," : `Training ${count(seeds)} seeds,`;
}

function threadsOf({ threads }: TrainConfig): string {
  if (threads === 0) return "as many threads as the backend chooses";
  return threads === 1 ? "1 thread each" : `${threads} threads each`;
}

function cores(): string {
  const available = availableParallelism();
  return available === 1 ? "1 core" : `${available} cores`;
}

function sessionNow(jobs: number): SweepSession {
  return { startedAt: new Date().toISOString(), jobs, versions: { ...softwareVersions() }, machine: describeMachine() };
}
