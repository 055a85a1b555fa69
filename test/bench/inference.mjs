/**
 * Measures inference by batch size, cold start, export and memory, against JAX, PyTorch and, on request, another checkout. Each
 * competitor is a process of its own. At any moment all but one wait, and they take turns within each round, so that other
 * load on the machine affects all alike. Compare the ratios within a round, not the times of different runs.
 *
 *   npm run build && node test/bench/inference.mjs [--python python3] [--against <built checkout>] [--write]
 *
 *   --python <executable>   one that can import jax, torch or both; what it cannot import is left out, and the output says so
 *   --device gpu            adds air-onnx on CUDA and JAX on a GPU; the ratios remain to air-onnx on the CPU
 *   --against <folder>      a built checkout of another revision
 *   --only JAX,eager        of the competitors but the first, those with such a part in their names; not with --write
 *   --model <folder>        models/multi-mnist by default; its images must be 50x50 and grey
 *   --batches 1,64,256,1024
 *   --rounds 12 --starts 5  how often each is measured, and started
 *   --threads 1             of onnxruntime, JAX and PyTorch
 *   --write                 writes docs/performance/inference.{json,svg}
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { exportModel } from "../../packages/export/dist/index.js";
import { lineChart } from "../../packages/report/dist/html/line-chart.js";
import { fillBatch, generateMultiStrokes } from "../../packages/scenes/dist/index.js";
import { initialParameters, parseTrainConfig } from "../../packages/train/dist/index.js";
import {
  chosenCandidates,
  circumstances,
  circumstancesLine,
  here,
  median,
  medianRatio,
  parseOptions,
  pythonWorker,
  root,
  say,
  startCompetitors,
  temporaryFolder,
  Worker,
  wholeNumbers,
  writeReport,
} from "./competitors.mjs";

const values = parseOptions({
  model: { type: "string", default: join(root, "models/multi-mnist") },
  batches: { type: "string", default: "1,64,256,1024" },
  starts: { type: "string", default: "5" },
});
const batches = wholeNumbers(values, "batches", 1);
const [rounds] = wholeNumbers(values, "rounds", 1);
const [starts] = wholeNumbers(values, "starts", 1);
const [threads] = wholeNumbers(values, "threads", 0);
const IMAGES = Math.max(1024, ...batches);

const scratch = temporaryFolder();
const imagesFile = join(scratch, "images.f32");
const scenes = await generateMultiStrokes({ seed: 7, size: IMAGES });
const images = new Float32Array(IMAGES * 50 * 50);
fillBatch(scenes, [...scenes.counts.keys()], images);
writeFileSync(imagesFile, images);

// The reference's sizes with random weights: an untrained model is unsure, so it runs all steps, as JAX and PyTorch do.
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

const node =
  (checkout, model, device = "cpu") =>
  () => {
    const script = join(here, "inference-worker.mjs");
    return new Worker(process.execPath, [script, checkout, model, imagesFile, values.threads, device]);
  };
const torch = (mode) => () => pythonWorker(values.python, "pytorch_air.py", imagesFile, mode, values.threads);
const jax = (device) => () => pythonWorker(values.python, "jax_air.py", imagesFile, device, values.threads);
const candidates = [
  { name: "air-onnx, reference sizes", start: node(root, sameSizes) },
  { name: "JAX", start: jax("cpu") },
  { name: "PyTorch eager", start: torch("eager") },
  { name: "PyTorch compiled", start: torch("compile") },
  { name: "air-onnx, shipped multi-mnist", start: node(root, resolve(values.model)) },
  ...(values.device === "gpu"
    ? [
        { name: "air-onnx, reference sizes, CUDA", start: node(root, sameSizes, "cuda") },
        { name: "JAX, GPU", start: jax("gpu") },
      ]
    : []),
  ...(values.against === undefined
    ? []
    : [
        { name: "other checkout, reference sizes", start: node(values.against, sameSizes) },
        { name: "other checkout, shipped multi-mnist", start: node(values.against, resolve(values.model)) },
      ]),
];

const started = await startCompetitors(chosenCandidates(candidates, values.only));
const { skipped } = started;
const competitors = started.competitors.map(({ ready, ...competitor }) => ({
  ...competitor,
  version: ready.version,
  starts: [],
  results: {},
}));

for (const batch of batches) {
  for (const { results } of competitors) results[batch] = { wall: [], cpu: [], rss: 0 };
  // About the same total time for each batch size: short calls are repeated more often.
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
const report = {
  ...circumstances(),
  threads,
  rounds,
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
        timesTheFirst: medianRatio(wall, first.results[batch].wall),
        cpuTimesTheFirst: medianRatio(cpu, first.results[batch].cpu),
        residentMegabytes: Math.round(rss / 1e6),
      };
    }),
  })),
};

say(`\n${circumstancesLine(report)}, ${report.threads} thread(s)`);
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
  await writeReport("inference", report, chart);
}
