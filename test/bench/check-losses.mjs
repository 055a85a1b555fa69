/**
 * Checks that JAX, the competitor of training.mjs, trains the same model on the same objective: from air-onnx's first
 * parameters, and with the same images and noise, the losses of several steps must be air-onnx's.
 *
 *   npm run build && node test/bench/check-losses.mjs --python <python with jax>
 *
 *   --steps 8 --batch 64
 *   --tolerance 1e-5     largest relative difference of a loss; beyond it the exit code is 1
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generateMultiStrokes } from "../../packages/scenes/dist/index.js";
import { Batches, createEngine, initialState, parseTrainConfig } from "../../packages/train/dist/index.js";
import { here, say, temporaryFolder, wholeNumbers } from "./competitors.mjs";

const { values } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    steps: { type: "string", default: "8" },
    batch: { type: "string", default: "64" },
    tolerance: { type: "string", default: "1e-5" },
  },
});
const [steps] = wholeNumbers(values, "steps", 1);
const [batchSize] = wholeNumbers(values, "batch", 1);
const tolerance = Number(values.tolerance);
if (!(tolerance >= 0)) throw new RangeError(`--tolerance must be a number from 0, got ${values.tolerance}`);

const config = parseTrainConfig({
  dataset: "multi-strokes",
  architecture: "reference",
  estimator: "marginal",
  backend: "onnxruntime",
  batchSize,
  threads: 1,
  // The constants of jax_train.py.
  optimizer: { learningRate: 1e-3, finalLearningRate: 1e-3, baselineLearningRate: 1e-3, warmupSteps: 0, clipNorm: 10 },
});
const inputs = new Batches(config, await generateMultiStrokes({ seed: 7, size: 4096 })).next(0, steps);
const start = initialState(config);

const folder = temporaryFolder();
const write = (name, data) => writeFileSync(join(folder, `${name}.f32`), data);
for (const [name, { data }] of Object.entries(start.parameters)) write(name, data);
for (const [name, data] of Object.entries({ images: inputs.images, ...inputs.noise })) write(name, data);
const parameters = Object.fromEntries(Object.entries(start.parameters).map(([name, { shape }]) => [name, shape]));
writeFileSync(join(folder, "inputs.json"), JSON.stringify({ steps, batch: batchSize, parameters }));

const script = join(here, "jax_train.py");
const answer = JSON.parse(execFileSync(values.python, [script, "--check", folder], { encoding: "utf8" }));
if (answer.unavailable !== undefined) throw new Error(answer.unavailable);
const engine = await createEngine(config, start);
const { loss } = await engine.run(inputs);
await engine[Symbol.asyncDispose]();

say("step        air-onnx             JAX   relative difference");
let greatest = 0;
for (const [t, own] of loss.entries()) {
  const other = answer.losses[t];
  const difference = Math.abs(other - own) / Math.abs(own);
  // NaN, if a loss is, which is not within the tolerance.
  greatest = Math.max(greatest, difference);
  const columns = [
    own.toFixed(5).padStart(16),
    other.toFixed(5).padStart(16),
    difference.toExponential(1).padStart(22),
  ];
  say(String(t + 1).padStart(4) + columns.join(""));
}
const agrees = greatest <= tolerance;
say(
  `${agrees ? "The same" : "NOT the same"}: the greatest difference is ${greatest.toExponential(1)} of ${values.tolerance}`,
);
if (!agrees) process.exitCode = 1;
