/**
 * Measures the time from the start of `air-onnx train --dataset multi-mnist` until its evaluations print that 95, 97 and 98 %
 * of the most probable counts are right. It runs the built command line as a user would, with an empty cache. So the time
 * includes building the images from the digits and, if no folder has the digits, downloading them.
 *
 *   npm run build && node test/bench/time-to-accuracy.mjs [--mnist-dir <folder>] [--write]
 *
 *   --mnist-dir <folder>   of the MNIST files; AIR_ONNX_MNIST_DIR by default, without which they are downloaded
 *   --steps 1200           of training, which all its schedules stretch over
 *   --learning-rate 0.003  which suits so short a training better than the default
 *   --evaluate-every 100   steps: an accuracy cannot be seen between them
 *   --set key=value        a further setting, as often as there are any
 *   --seeds 0              such as 0,1,2: one run each
 *   --threads 0            of onnxruntime; 0 leaves the choice to it
 *   --write                writes docs/performance/time-to-accuracy.json
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { percent } from "../../packages/measure/dist/format.js";
import { circumstances, circumstancesLine, root, say, temporaryFolder, writeReport } from "./competitors.mjs";

/** Shares of right counts whose times are measured. */
const ACCURACIES = [0.95, 0.97, 0.98];
/** Interval between reads of the process's peak memory, ms; the system's record of it ends with the process. */
const MEMORY_EVERY = 100;

const { values } = parseArgs({
  options: {
    "mnist-dir": { type: "string" },
    steps: { type: "string", default: "1200" },
    "learning-rate": { type: "string", default: "0.003" },
    "evaluate-every": { type: "string", default: "100" },
    set: { type: "string", multiple: true, default: [] },
    seeds: { type: "string", default: "0" },
    threads: { type: "string", default: "0" },
    write: { type: "boolean", default: false },
  },
});
const seeds = values.seeds.split(",").map(Number);

const settings = ["--dataset", "multi-mnist"];
for (const name of ["steps", "learning-rate", "evaluate-every"]) settings.push(`--${name}`, values[name]);
for (const setting of values.set) settings.push("--set", setting);

/** Trains one seed in `folder` and returns the printed evaluations with their times. */
async function trainAndWatch(seed, folder) {
  const places = ["--cache-dir", join(folder, "cache"), "--out", join(folder, "run")];
  if (values["mnist-dir"] !== undefined) places.push("--mnist-dir", values["mnist-dir"]);
  const args = ["train", ...settings, "--seed", String(seed), "--threads", values.threads, ...places];
  const began = performance.now();
  const training = spawn(process.execPath, [join(root, "packages/cli/dist/bin.js"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(training, "close");
  const kill = () => training.kill("SIGKILL");
  process.prependListener("exit", kill);
  let peak = null;
  const look = () => {
    peak = peakMegabytes(training.pid) ?? peak;
  };
  const looking = setInterval(look, MEMORY_EVERY);
  let trainingFrom;
  let final;
  const evaluations = [];
  for await (const line of createInterface({ input: training.stdout })) {
    const seconds = (performance.now() - began) / 1000;
    look();
    if (line.startsWith("Training ")) trainingFrom = seconds;
    const step = /^Step ([\d,]+): /.exec(line)?.[1];
    const accuracy = /MAP count accuracy ([\d.]+) %/.exec(line)?.[1];
    if (accuracy === undefined) continue;
    const shown = Number(accuracy) / 100;
    if (step !== undefined) evaluations.push({ step: Number(step.replaceAll(",", "")), seconds, accuracy: shown });
    else if (line.startsWith("Done: ")) final = shown;
  }
  const [code] = await ended;
  process.removeListener("exit", kill);
  clearInterval(looking);
  const total = (performance.now() - began) / 1000;
  if (code !== 0 || final === undefined) throw new Error(`air-onnx ${args.join(" ")} ended with ${code}`);
  return {
    seed,
    reached: ACCURACIES.map((accuracy) => {
      const first = evaluations.find((each) => each.accuracy >= accuracy);
      return { accuracy, seconds: first?.seconds ?? null, step: first?.step ?? null };
    }),
    secondsToFirstStep: trainingFrom,
    secondsInAll: total,
    finalAccuracy: final,
    peakMegabytes: peak,
    evaluations,
  };
}

/** Peak memory of a process from Linux's own record; undefined on other systems, and when the process has ended. */
function peakMegabytes(pid) {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return undefined;
  try {
    const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(status, "utf8"))?.[1];
    return kibibytes === undefined ? undefined : Math.round((Number(kibibytes) * 1024) / 1e6);
  } catch {
    // The process ended between the two calls.
    return undefined;
  }
}

const begun = circumstances();
const runs = [];
for (const seed of seeds) {
  const folder = temporaryFolder();
  say(`Seed ${seed}: air-onnx train ${settings.join(" ")}`);
  runs.push(await trainAndWatch(seed, folder));
  rmSync(folder, { recursive: true, force: true });
}

const threads = Number(values.threads);
say(`\n${circumstancesLine(begun)}, ${threads === 0 ? "all" : threads} thread(s)`);
say("Seconds from the start of the process, and steps, to a count accuracy of");
const row = (cells) => say(cells.map((cell, i) => (i === 0 ? cell.padEnd(6) : cell.padStart(16))).join(""));
row(["seed", ...ACCURACIES.map((accuracy) => percent(accuracy)), "first step", "in all", "final", "peak memory"]);
for (const { seed, reached, secondsToFirstStep, secondsInAll, finalAccuracy, peakMegabytes } of runs) {
  row([
    String(seed),
    ...reached.map(({ seconds, step }) => (seconds === null ? "not reached" : `${seconds.toFixed(1)} s, ${step}`)),
    `${secondsToFirstStep.toFixed(1)} s`,
    `${secondsInAll.toFixed(1)} s`,
    percent(finalAccuracy),
    peakMegabytes === null ? "unknown" : `${peakMegabytes} MB`,
  ]);
}
if (values.write) {
  const command = `air-onnx train ${settings.join(" ")}`;
  await writeReport("time-to-accuracy", { ...begun, command, threads, runs });
}
