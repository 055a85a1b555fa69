/**
 * One competitor of training.mjs: a checkout's training step on one backend and at one batch size, in a process of its own.
 * A step draws its images and noise, as in training. It answers one line of JSON on standard output to each on standard input:
 *   {"steps": 20}  ->  {"wall": ms a step, "cpu": ms a step, "rss": bytes, "loss": mean of the steps}
 *   {"products": true}  ->  {"work": operations of a step's matrix products, "peak": GFLOP/s of a large one}
 *
 *   node training-worker.mjs <checkout> <reference | compact> <marginal | nvil> <backend> <file of 50x50 bytes an image>
 *     <batch size> <threads>
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [checkout, architecture, estimator, backend, imagesFile, batchSize, threads] = process.argv.slice(2);
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const load = (path) => import(pathToFileURL(resolve(checkout, "packages/train/dist", path)).href);
const {
  BackendUnavailableError,
  Batches,
  createEngine,
  initialParameters,
  initialState,
  parseTrainConfig,
  stateParts,
  stepDefinition,
  tracedDevice,
} = await load("index.js");

const config = parseTrainConfig({
  dataset: "multi-strokes",
  architecture,
  estimator,
  backend,
  batchSize: Number(batchSize),
  threads: Number(threads),
  // PyTorch's, so that the losses can be compared; the time of a step does not depend on it.
  optimizer: {
    learningRate: 1e-3,
    finalLearningRate: 1e-3,
    baselineLearningRate: 1e-3,
    warmupSteps: 0,
    clipNorm: 10,
  },
});
const { imageSize, channels } = config.model;
const images = new Uint8Array(readFileSync(imagesFile));
const batches = new Batches(config, { imageSize, channels, images, size: images.length / (channels * imageSize ** 2) });
const start = stateParts?.includes("firstMoment") ? initialState(config) : await olderInitialState();

/** The initial state in a checkout whose `initialState` takes arrays of parameters. */
async function olderInitialState() {
  const { estimators } = await load("objective/estimators.js");
  const own = estimators[estimator].parameters(config.model);
  const parameters = Object.entries(initialParameters(config.model, config.seed, own));
  return initialState(Object.fromEntries(parameters.map(([name, { data }]) => [name, data])));
}

let engine;
try {
  engine = await createEngine(config, start);
} catch (cause) {
  if (!(cause instanceof BackendUnavailableError)) throw cause;
  say({ unavailable: cause.message });
  process.exit(0);
}
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
let inputs;
/** As in training, the arrays of one run's inputs serve the next run's. */
const run = async (done, steps) => {
  inputs = batches.next(done, steps, inputs);
  return mean((await engine.run(inputs)).loss);
};

let done = 1;
const loss = await run(0, 1);
say({ version: `Node ${process.version}, ${engine.name}`, loss });

for await (const line of createInterface({ input: process.stdin })) {
  const { steps, products } = JSON.parse(line);
  if (products) {
    const { matrixWork } = await load("speed/matrix-work.js");
    const { traceTrainStep } = await load("engine/traced-step.js");
    const work = matrixWork(traceTrainStep(stepDefinition(config)).traced);
    const { eagerPeak, onnxruntimePeak } = await load("speed/matmul-peak.js");
    const device = tracedDevice(backend);
    const measured = await (device === undefined ? eagerPeak(backend) : onnxruntimePeak(device, config.threads));
    say({ work, peak: measured.gigaflopsPerSecond });
    continue;
  }
  const cpuBegan = process.cpuUsage();
  const wallBegan = performance.now();
  const loss = await run(done, steps);
  const wall = (performance.now() - wallBegan) / steps;
  const { user, system } = process.cpuUsage(cpuBegan);
  done += steps;
  if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
  say({ wall, cpu: (user + system) / 1000 / steps, rss: process.memoryUsage.rss(), loss });
}
await engine[Symbol.asyncDispose]();
