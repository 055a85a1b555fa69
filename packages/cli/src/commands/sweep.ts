/** `air-onnx sweep`: trains one configuration with many seeds, and writes a table with all of them. */
import { rm } from "node:fs/promises";
import { availableParallelism, hostname } from "node:os";
import { resolve } from "node:path";
import { count } from "@air-onnx/measure/format";
import type { DataPlaces } from "@air-onnx/scenes";
import type { LockedSweep, SeedRecord, SweepFolder, SweepPlan, SweepSession, TrainConfig } from "@air-onnx/train";
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
  readonly slurm?: true;
  readonly sbatch?: string;
  readonly kubernetes?: true;
  readonly image?: string;
  readonly claim?: string;
  readonly collect?: string;
  readonly task?: number;
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
    .option("--retry-failed", "with --resume, train failed seeds again from their newest checkpoints")
    .option("--slurm", "submit an array job to Slurm, one seed a task, instead of training here")
    .option("--sbatch <options>", 'with --slurm, options of sbatch, such as "--partition=cpu --time=2:00:00"')
    .option("--kubernetes", "write the manifest of an Indexed Job, one seed a pod, instead of training here")
    .option("--image <name>", "with --kubernetes: container image that has air-onnx")
    .option(
      "--claim <claim:/path>",
      "with --kubernetes: volume claim of all pods, and where it is mounted, here as there",
    )
    .option("--collect <folder>", "write and print the table of a sweep that a cluster trains, as far as it is")
    .addOption(
      new Option("--task <index>", "with --resume, train only this seed of the list: what a task of a cluster runs")
        .argParser(integerFrom(0))
        .hideHelp(),
    );
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
  $ air-onnx sweep --resume sweeps/mnist --retry-failed
  $ air-onnx sweep --slurm --sbatch "--partition=cpu --time=2:00:00" --seeds 10 --dataset multi-mnist --out sweeps/mnist
  $ air-onnx sweep --collect sweeps/mnist                                 # the table, during the job and after it
  $ air-onnx sweep --slurm --resume sweeps/mnist                          # once more, the seeds that are not finished
  $ air-onnx sweep --kubernetes --image registry/air-onnx --claim sweeps:/mnt/sweeps --seeds 10 --out /mnt/sweeps/mnist`,
    )
    .action(async (flags: SweepFlags) => {
      const settings = await sharedSettings(flags);
      using stopping = listenForStop();
      if (flags.collect !== undefined) return await collect(flags.collect);
      if (flags.task !== undefined) return await trainOneTask(flags, flags.task, stopping.signal);
      if (flags.slurm || flags.kubernetes) return await startOnCluster(settings, flags, stopping.signal);
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
  const asked = await fittedConfigFrom(settings, print);
  const { jobs, threads } = shareCores(flags.jobs, asked.threads, seedsOf(flags).length);
  const { path, plan } = await planOf({ ...asked, threads }, flags);
  const locked = await createSweep(path, plan, sessionNow(jobs), notice);
  print(`Sweep folder: ${path}`);
  await trainAndReport(locked, { jobs, flags, signal, isNew: true });
}

const seedsOf = (flags: SweepFlags): readonly number[] => flags.seeds ?? firstSeeds(sweepDefaults.seeds);

async function planOf(config: TrainConfig, flags: SweepFlags): Promise<{ path: string; plan: SweepPlan }> {
  const { imagesName } = await import("@air-onnx/scenes");
  const seeds = seedsOf(flags);
  const successAccuracy = flags.successAccuracy ?? sweepDefaults.successAccuracy;
  const command = await sweepCommandFor(config, seeds, successAccuracy);
  return { path: flags.out ?? `sweeps/${imagesName(config)}`, plan: { config, seeds, successAccuracy, command } };
}

/** Makes a sweep, or opens one, and gives its open seeds to a cluster. */
async function startOnCluster(settings: readonly Setting[], flags: SweepFlags, signal: AbortSignal): Promise<void> {
  const { requireSlurm, parseSbatchOptions } = await import("../cluster/slurm.js");
  const { parseClaim } = await import("../cluster/kubernetes.js");
  if (flags.slurm && flags.kubernetes) throw new UsageError("--slurm and --kubernetes exclude each other");
  const { image, claim: claimText } = flags;
  if (flags.kubernetes && (image === undefined || claimText === undefined)) {
    throw new UsageError("--kubernetes needs --image and --claim");
  }
  const options = parseSbatchOptions(flags.sbatch ?? "");
  if (flags.slurm) await requireSlurm();
  const { collectTasks, createSweep, openSweep, resumeSweep } = await import("@air-onnx/train");
  const isNew = flags.resume === undefined;
  let path = flags.resume ?? "";
  let plan: SweepPlan;
  if (isNew) {
    const asked = await fittedConfigFrom(settings, print);
    // Each seed has a task of its own, so that it needs not share its cores; more threads are asked for by --threads.
    ({ path, plan } = await planOf({ ...asked, threads: asked.threads || 1 }, flags));
  } else {
    ({ plan } = openSweep(path));
    refuseOtherPlan(path, plan, flags);
    await refuseOtherSettings(path, plan.config, settings);
  }
  const place = claimText === undefined ? undefined : parseClaim(claimText, resolve(path));
  const { sweep, lock } = isNew
    ? await createSweep(path, plan, sessionNow(plan.seeds.length), notice)
    : await resumeSweep(path, notice);
  try {
    await collectTasks(sweep);
    const isOpen = ({ status }: SeedRecord): boolean =>
      status !== "finished" && (flags.retryFailed || status !== "failed");
    const indices = sweep.seeds.flatMap((seed, index) => (isOpen(seed) ? [index] : []));
    await prepareData(sweep, flags, { signal, isNew });
    await sweep.save();
    if (indices.length === 0) {
      print(`Nothing to train: air-onnx sweep --collect ${path}`);
      return;
    }
    const job = { sweep: resolve(path), cpus: Math.max(1, plan.config.threads) };
    if (flags.slurm) {
      const { submit } = await import("../cluster/slurm.js");
      const { mnistDir, cacheDir } = flags;
      const places = [
        ...(mnistDir ? ["--mnist-dir", resolve(mnistDir)] : []),
        ...(cacheDir ? ["--cache-dir", resolve(cacheDir)] : []),
      ];
      const command = [
        process.execPath,
        resolve(process.argv[1]!),
        "sweep",
        "--resume",
        job.sweep,
        ...places,
        "--task",
      ];
      const { id, script } = await submit({ ...job, indices, options, command });
      print(`Slurm job ${id} trains ${count(indices.length)} seeds, one a task: squeue --job ${id}\nScript: ${script}`);
    } else {
      const { writeIndexedJob } = await import("../cluster/kubernetes.js");
      const file = await writeIndexedJob({ ...job, ...place!, seeds: sweep.seeds.length, image: image! });
      print(`Start it by: kubectl apply -f ${file}`);
    }
    print(`Table: air-onnx sweep --collect ${path}`);
  } finally {
    lock.release();
  }
}

/** Trains one seed, as a task of a cluster: it writes into the files of its seed alone. */
async function trainOneTask(flags: SweepFlags, index: number, signal: AbortSignal): Promise<void> {
  if (flags.resume === undefined) throw new UsageError("--task needs --resume");
  const { openSweep, trainTask } = await import("@air-onnx/train");
  const { SweepReport } = await import("../sweep-report.js");
  const sweep = openSweep(flags.resume);
  const seed = sweep.plan.seeds[index];
  if (seed === undefined) {
    throw new UsageError(`The sweep has ${count(sweep.plan.seeds.length)} seeds, and --task ${index} is none of them`);
  }
  const restarts = Number(process.env.SLURM_RESTART_COUNT ?? 0);
  print(`Seed ${seed} on ${hostname()}${restarts > 0 ? `, put back into the queue ${restarts} times` : ""}`);
  using progress = await showProgress({ label: "seed", everyMs: Number.POSITIVE_INFINITY });
  const ended = await trainTask(sweep, seed, {
    places: { mnistDir: flags.mnistDir || undefined, cacheDir: flags.cacheDir || undefined },
    ...{ signal, isRestarted: restarts > 0, onNotice: notice, listener: new SweepReport(sweep, progress) },
  });
  if (ended.status === "failed") throw new CommandError(`Seed ${seed} failed: ${ended.failure}`);
  if (ended.status === "stopped" && signal.reason instanceof StoppedError) {
    throw new StoppedError(
      signal.reason.signal,
      `Seed ${seed} was stopped near step ${count(ended.step)}, with a checkpoint.`,
    );
  }
}

/** Writes and prints the table of what a cluster has trained so far. */
async function collect(path: string): Promise<void> {
  const { collectTasks, resumeSweep } = await import("@air-onnx/train");
  const { sweep, lock } = await resumeSweep(path, notice);
  try {
    await collectTasks(sweep);
    await sweep.save();
  } finally {
    lock.release();
  }
  print(sweep.page());
  print(`Table: ${sweep.tableFile}\nNumbers: ${sweep.sweepFile}`);
  const { failed, open } = sweep.summary;
  const again = `air-onnx sweep --resume ${path}`;
  const complaints = [
    ...(open.length > 0 ? [`Seed ${open.join(", ")} is not finished: it waits, is trained, or was ended.`] : []),
    ...(failed.length > 0 ? [`Seed ${failed.join(", ")} failed; the table says why.`] : []),
  ];
  if (complaints.length === 0) return;
  const retry = failed.length > 0 ? " --retry-failed" : "";
  throw new CommandError(
    `${complaints.join("\n")}\nGo on here by: ${again}${retry}; or on the cluster by adding --slurm`,
  );
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
