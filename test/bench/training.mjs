/**
 * Measures the training step by batch size: time, processor time, rate of its matrix products and memory, against JAX,
 * PyTorch, tfjs op by op and, on request, another checkout. Each competitor is a process of its own, and they take turns within each
 * round (see competitors.mjs). Compare the ratios within a round, not the times of different runs.
 *
 *   npm run build && node test/bench/training.mjs [--python python3] [--against <built checkout>] [--write]
 *
 *   --python <executable>   one that can import jax, torch or both; what it cannot import is left out, and the output says so
 *   --jax-js <folder>       one whose node_modules has @jax-js/jax (`npm install @jax-js/jax` in an empty folder)
 *   --device gpu            adds air-onnx on CUDA and JAX on a GPU; the ratios remain to air-onnx on the CPU
 *   --against <folder>      a built checkout of another revision
 *   --only JAX,eager        of the competitors but the first, those with such a part in their names; not with --write
 *   --batches 64,256
 *   --rounds 12             after one that warms up
 *   --threads 1             of onnxruntime, JAX, PyTorch and TensorFlow; 0 leaves the choice to each (tfjs wasm has one)
 *   --write                 writes docs/performance/training.{json,svg}
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { percent } from "../../packages/measure/dist/format.js";
import { lineChart } from "../../packages/report/dist/html/line-chart.js";
import { generateMultiStrokes } from "../../packages/scenes/dist/index.js";
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

const values = parseOptions({ batches: { type: "string", default: "64,256" }, "jax-js": { type: "string" } });
const batches = wholeNumbers(values, "batches", 1);
const [rounds] = wholeNumbers(values, "rounds", 1);
const [threads] = wholeNumbers(values, "threads", 0);
const IMAGES = Math.max(4096, ...batches);
/** Steps of a turn: as many as training itself runs in one call. */
const STEPS = 20;
/** Steps of a turn of the competitors that are at least ten times slower. */
const STEPS_OP_BY_OP = 2;

/** Environment variables from which TensorFlow takes its number of threads. */
const tensorflowThreads =
  threads > 0 ? { TF_NUM_INTRAOP_THREADS: values.threads, TF_NUM_INTEROP_THREADS: values.threads } : {};

function candidatesFor(batch, imagesFile) {
  const node =
    (checkout, architecture, { estimator = "marginal", backend = "onnxruntime" } = {}) =>
    () => {
      const script = join(here, "training-worker.mjs");
      const args = [script, checkout, architecture, estimator, backend, imagesFile, String(batch), values.threads];
      return new Worker(process.execPath, args, tensorflowThreads);
    };
  const torch = (mode) => () =>
    pythonWorker(values.python, "pytorch_train.py", imagesFile, mode, String(batch), values.threads);
  const jax = (device) => () =>
    pythonWorker(values.python, "jax_train.py", imagesFile, String(batch), device, values.threads);
  const jaxJs = (folder) => () =>
    new Worker(process.execPath, [join(here, "jax-js-worker.mjs"), folder, imagesFile, String(batch)]);
  const other = values.against;
  return [
    { name: "air-onnx, reference sizes", start: node(root, "reference") },
    { name: "air-onnx, default network", start: node(root, "compact", { estimator: "guided" }) },
    { name: "JAX", start: jax("cpu") },
    { name: "PyTorch eager", start: torch("eager") },
    { name: "PyTorch compiled", start: torch("compile") },
    { name: "PyTorch compiled, image once", start: torch("compile-image-once") },
    { name: "air-onnx, paper's estimator", start: node(root, "reference", { estimator: "nvil" }) },
    { name: "PyTorch eager, paper's", start: torch("nvil-eager") },
    { name: "PyTorch compiled, paper's", start: torch("nvil-compile") },
    { name: "tfjs wasm", start: node(root, "reference", { backend: "wasm" }), steps: STEPS_OP_BY_OP },
    { name: "tfjs TensorFlow", start: node(root, "reference", { backend: "tensorflow" }), steps: STEPS_OP_BY_OP },
    ...(values["jax-js"] === undefined
      ? []
      : [{ name: "jax-js wasm", start: jaxJs(values["jax-js"]), steps: STEPS_OP_BY_OP }]),
    ...(values.device === "gpu"
      ? [
          { name: "air-onnx, reference, CUDA", start: node(root, "reference", { backend: "onnxruntime-cuda" }) },
          {
            name: "air-onnx, default, CUDA",
            start: node(root, "compact", { estimator: "guided", backend: "onnxruntime-cuda" }),
          },
          { name: "JAX, GPU", start: jax("gpu") },
        ]
      : []),
    ...(other === undefined
      ? []
      : [
          { name: "other checkout, reference sizes", start: node(other, "reference") },
          { name: "other checkout, default network", start: node(other, "compact") },
        ]),
  ];
}

/** Starts all competitors at one batch size, lets them take turns, and ends them. */
async function measure(batch, imagesFile) {
  const { competitors, skipped } = await startCompetitors(
    chosenCandidates(candidatesFor(batch, imagesFile), values.only),
  );
  const measured = competitors.map(({ name, ready }) => ({ name, ready, wall: [], cpu: [], rss: 0 }));
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { worker, steps = STEPS }] of competitors.entries()) {
      const { wall, cpu, rss, loss } = await worker.ask({ steps });
      measured[i].rss = Math.max(measured[i].rss, rss);
      measured[i].loss = loss;
      if (round === 0) continue;
      measured[i].wall.push(wall);
      measured[i].cpu.push(cpu);
    }
  }
  for (const [i, { worker }] of competitors.entries()) {
    Object.assign(measured[i], await worker.ask({ products: true }));
    await worker.end();
  }
  const [first] = measured;
  // The processor's peak, for all competitors: the highest rate that any of them has reached.
  const peak = Math.max(...measured.map((each) => each.peak));
  return {
    batch,
    skipped,
    matmulPeakGigaflopsPerSecond: peak,
    competitors: measured.map(({ name, ready, wall, cpu, rss, loss, work, peak: own }) => {
      const gigaflopsPerSecond = work / median(wall) / 1e6;
      return {
        name,
        version: ready.version,
        milliseconds: median(wall),
        cpuMilliseconds: median(cpu),
        timesTheFirst: medianRatio(wall, first.wall),
        cpuTimesTheFirst: medianRatio(cpu, first.cpu),
        gigaflopsOfMatrixProducts: work / 1e9,
        gigaflopsPerSecond,
        shareOfPeak: gigaflopsPerSecond / peak,
        ownMatmulPeakGigaflopsPerSecond: own,
        residentMegabytes: Math.round(rss / 1e6),
        firstLoss: ready.loss,
        lastLoss: loss,
      };
    }),
  };
}

function sayTable({ batch, matmulPeakGigaflopsPerSecond, skipped, competitors }) {
  say(`\nBatch ${batch}; matmul peak ${matmulPeakGigaflopsPerSecond.toFixed(1)} GFLOP/s`);
  const header = ["ms/step", "CPU ms", "x the first", "x its CPU", "GFLOP", "GFLOP/s", "of peak", "MB", "loss", "to"];
  const widths = [9, 9, 13, 11, 8, 9, 9, 7, 9, 9];
  const row = (name, cells) => say(name.padEnd(34) + cells.map((cell, i) => cell.padStart(widths[i])).join(""));
  row("", header);
  for (const each of competitors) {
    row(each.name, [
      each.milliseconds.toFixed(1),
      each.cpuMilliseconds.toFixed(1),
      each.timesTheFirst.toFixed(2),
      each.cpuTimesTheFirst.toFixed(2),
      each.gigaflopsOfMatrixProducts.toFixed(2),
      each.gigaflopsPerSecond.toFixed(1),
      percent(each.shareOfPeak, 0),
      String(each.residentMegabytes),
      each.firstLoss.toFixed(1),
      each.lastLoss.toFixed(1),
    ]);
  }
  for (const name of skipped) row(name, ["SKIPPED"]);
}

const begun = circumstances();
const scratch = temporaryFolder();
const imagesFile = join(scratch, "images.u8");
writeFileSync(imagesFile, (await generateMultiStrokes({ seed: 7, size: IMAGES })).images);
const byBatch = [];
for (const batch of batches) byBatch.push(await measure(batch, imagesFile));

say(`\n${circumstancesLine(begun)}, ${threads === 0 ? "all" : threads} thread(s)`);
for (const measured of byBatch) sayTable(measured);

if (values.write) {
  const names = candidatesFor(1, imagesFile).map(({ name }) => name);
  const chart = lineChart({
    title: "Training, milliseconds an image",
    description: "Time of a training step per image by batch size for each competitor; lower is better",
    xLabel: "images in a batch, 2 to this power",
    yLabel: "ms an image",
    yScale: "log",
    series: names.map((name, colour) => ({
      name,
      colour,
      marks: true,
      points: byBatch
        .flatMap(({ batch, competitors }) => {
          const competitor = competitors.find((each) => each.name === name);
          return competitor ? [{ x: Math.log2(batch), y: competitor.milliseconds / batch }] : [];
        })
        .toSorted((a, b) => a.x - b.x),
    })),
  });
  await writeReport("training", { ...begun, threads, rounds, stepsInATurn: STEPS, training: byBatch }, chart);
}
