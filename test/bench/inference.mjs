/**
 * Inference by batch size, cold start, export and memory, against PyTorch and, if asked, another checkout. Each competitor
 * is a process of its own; all but one wait at any moment, and they take turns within each round, so that what else the
 * machine does meets all alike. Times say little from one run to another; the ratios within a round do.
 *
 *   npm run build && node test/bench/inference.mjs [--python python3] [--against <built checkout>] [--write]
 *
 *   --python <executable>   one that can import torch; without it PyTorch is left out, and the output says so
 *   --against <folder>      a built checkout of another revision
 *   --model <folder>        models/multi-mnist by default; its images must be 50x50 and grey
 *   --batches 1,64,256,1024
 *   --rounds 15 --starts 5  how often each is measured, and started
 *   --threads 1             of onnxruntime and PyTorch
 *   --write                 writes docs/performance/inference.{json,svg}
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { exportModel } from "../../packages/export/dist/index.js";
import {
  fillBatch,
  generateMultiStrokes,
  initialParameters,
  parseTrainConfig,
} from "../../packages/train/dist/index.js";
import { lineChart } from "../../packages/train/dist/report/line-chart.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = resolve(here, "../..");
const { values } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    against: { type: "string" },
    model: { type: "string", default: join(root, "models/multi-mnist") },
    batches: { type: "string", default: "1,64,256,1024" },
    rounds: { type: "string", default: "15" },
    starts: { type: "string", default: "5" },
    threads: { type: "string", default: "1" },
    write: { type: "boolean", default: false },
  },
});
const batches = values.batches.split(",").map(Number);
const [rounds, starts] = [Number(values.rounds), Number(values.starts)];
const IMAGES = Math.max(1024, ...batches);

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const say = (line) => process.stdout.write(`${line}\n`);

/** A competitor's process, asked one thing at a time. */
class Worker {
  #process;
  #lines;
  #began = performance.now();

  constructor(command, args) {
    this.#process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    // One that cannot be started, or has died, is found where its answer is awaited.
    this.#process.on("error", () => {});
    this.#process.stdin.on("error", () => {});
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** What it says when it is ready, and how long that took from the start of the process. */
  async ready() {
    const answer = await this.#next();
    return { ...answer, total: performance.now() - this.#began };
  }

  ask(question) {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    return this.#next();
  }

  async end() {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await new Promise((done) => this.#process.once("exit", done));
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("its process ended");
    return JSON.parse(value);
  }
}

const scratch = mkdtempSync(join(tmpdir(), "air-onnx-bench-"));
try {
  const imagesFile = join(scratch, "images.f32");
  const scenes = await generateMultiStrokes({ seed: 7, size: IMAGES });
  const images = new Float32Array(IMAGES * 50 * 50);
  fillBatch(scenes, [...scenes.counts.keys()], images);
  writeFileSync(imagesFile, images);

  // The reference's sizes with random weights: what it is unsure of it looks at for all steps, as PyTorch does.
  const config = parseTrainConfig({ dataset: "multi-strokes", architecture: "reference" }).model;
  const sameSizes = join(scratch, "reference-sizes");
  const exportTimes = [];
  for (let i = 0; i < starts; i++) {
    const parameters = initialParameters(config, 0);
    const training = { dataset: "none", seed: 0, steps: 0, commit: null };
    const began = performance.now();
    await exportModel(sameSizes, { name: "bench", config, parameters, training, metrics: {} }, { overwrite: true });
    exportTimes.push(performance.now() - began);
  }

  const node = (checkout, model) => () =>
    new Worker(process.execPath, [join(here, "worker.mjs"), checkout, model, imagesFile, values.threads]);
  const torch = (mode) => () =>
    new Worker(values.python, [join(here, "pytorch_air.py"), imagesFile, mode, values.threads]);
  const candidates = [
    { name: "air-onnx, reference sizes", start: node(root, sameSizes) },
    { name: "PyTorch eager", start: torch("eager") },
    { name: "PyTorch compiled", start: torch("compile") },
    { name: "air-onnx, shipped multi-mnist", start: node(root, resolve(values.model)) },
    ...(values.against === undefined
      ? []
      : [
          { name: "other checkout, reference sizes", start: node(values.against, sameSizes) },
          { name: "other checkout, shipped multi-mnist", start: node(values.against, resolve(values.model)) },
        ]),
  ];

  const competitors = [];
  const skipped = [];
  for (const candidate of candidates) {
    const worker = candidate.start();
    try {
      const { version } = await worker.ready();
      competitors.push({
        ...candidate,
        version,
        worker,
        starts: [],
        results: {},
      });
    } catch (cause) {
      skipped.push(candidate.name);
      say(`SKIPPED ${candidate.name}: it could not be started (${cause.message}); its own words are above`);
    }
  }

  for (const batch of batches) {
    for (const { results } of competitors) results[batch] = { wall: [], cpu: [], rss: 0 };
    // About as long for each batch size, and a call more often where it is short.
    const calls = Math.max(1, Math.round(64 / batch));
    for (let round = 0; round < rounds; round++) {
      for (const { worker, results } of competitors) {
        const { wall, cpu, rss } = await worker.ask({ batch, calls });
        results[batch].wall.push(wall);
        results[batch].cpu.push(cpu);
        results[batch].rss = Math.max(results[batch].rss, rss);
      }
    }
  }
  for (const { worker } of competitors) await worker.end();

  for (let i = 0; i < starts; i++) {
    for (const competitor of competitors) {
      const worker = competitor.start();
      const { ready, total } = await worker.ready();
      competitor.starts.push({ ...ready, total });
      await worker.end();
    }
  }
  const helpTimes = [];
  for (let i = 0; i < starts; i++) {
    const began = performance.now();
    execFileSync(process.execPath, [join(root, "packages/cli/dist/bin.js"), "--help"], { stdio: "ignore" });
    helpTimes.push(performance.now() - began);
  }

  const [first] = competitors;
  const ratio = (numbers, others) => median(numbers.map((number, i) => number / others[i]));
  const report = {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      processor: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryGigabytes: Math.round(totalmem() / 2 ** 30),
      loadAverage: loadavg()[0],
    },
    threads: Number(values.threads),
    rounds,
    revision: execFileSync("git", ["-C", root, "rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
    skipped,
    exportMilliseconds: median(exportTimes),
    helpMilliseconds: median(helpTimes),
    competitors: competitors.map(({ name, version, starts: all, results }) => ({
      name,
      version,
      coldStartMilliseconds: Object.fromEntries(
        Object.keys(all[0]).map((phase) => [phase, median(all.map((start) => start[phase]))]),
      ),
      inference: batches.map((batch) => {
        const { wall, cpu, rss } = results[batch];
        return {
          batch,
          milliseconds: median(wall),
          cpuMilliseconds: median(cpu),
          timesTheFirst: ratio(wall, first.results[batch].wall),
          cpuTimesTheFirst: ratio(cpu, first.results[batch].cpu),
          residentMegabytes: Math.round(rss / 1e6),
        };
      }),
    })),
  };

  const { machine } = report;
  say(
    `\n${report.date}, ${machine.cores} x ${machine.processor}, load ${machine.loadAverage.toFixed(1)}, ${report.threads} thread(s), revision ${report.revision}`,
  );
  for (const batch of batches) {
    say(`\n${batch} image(s)                              ms     CPU ms   x the first   x its CPU    MB`);
    for (const { name, inference } of report.competitors) {
      const row = inference.find((each) => each.batch === batch);
      const columns = [row.milliseconds, row.cpuMilliseconds, row.timesTheFirst, row.cpuTimesTheFirst].map((number) =>
        number.toFixed(2).padStart(11),
      );
      say(`${name.padEnd(36)}${columns.join("")}${String(row.residentMegabytes).padStart(7)}`);
    }
  }
  say("\nCold start, ms from the process's start      import      load     first     total");
  for (const { name, coldStartMilliseconds } of report.competitors) {
    const columns = ["import", "load", "first", "total"].map((phase) =>
      coldStartMilliseconds[phase].toFixed(0).padStart(10),
    );
    say(`${name.padEnd(40)}${columns.join("")}`);
  }
  say(
    `\nExport of the reference sizes: ${report.exportMilliseconds.toFixed(0)} ms. air-onnx --help: ${report.helpMilliseconds.toFixed(0)} ms.`,
  );

  if (values.write) {
    const folder = join(root, "docs/performance");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "inference.json"), `${JSON.stringify(report, null, 2)}\n`);
    const chart = lineChart({
      title: "Inference, milliseconds an image",
      description: "Time per image by batch size for each competitor; lower is better",
      xLabel: "images in a call, 2 to this power",
      yLabel: "ms an image",
      yScale: "log",
      series: report.competitors.map(({ name, inference }, colour) => ({
        name,
        colour,
        marks: true,
        points: inference
          .map(({ batch, milliseconds }) => ({
            x: Math.log2(batch),
            y: milliseconds / batch,
          }))
          .toSorted((a, b) => a.x - b.x),
      })),
    });
    writeFileSync(join(folder, "inference.svg"), `${chart}\n`);
    say(`Written: ${folder}/inference.json and .svg`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
