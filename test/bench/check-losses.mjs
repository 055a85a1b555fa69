/**
 * Checks that JAX and jax-js, competitors of training.mjs, train the same model on the same objective: from air-onnx's first
 * parameters, and with the same images and noise, the losses of several steps must be air-onnx's. Further steps say less:
 * training amplifies the rounding in which they differ.
 *
 *   npm run build && node test/bench/check-losses.mjs --python <python with jax> --jax-js <folder>
 *
 *   --python <executable>  one that can import jax; without it JAX is not checked
 *   --jax-js <folder>      one whose node_modules has @jax-js/jax; without it jax-js is not checked
 *   --steps 8 --batch 64
 *
 * The exit code is 1 if a loss differs by more than is allowed.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generateMultiStrokes } from "../../packages/scenes/dist/index.js";
import { Batches, createEngine, initialState, parseTrainConfig } from "../../packages/train/dist/index.js";
import { here, say, temporaryFolder, Worker, wholeNumbers } from "./competitors.mjs";

const { values } = parseArgs({
  options: {
    python: { type: "string" },
    "jax-js": { type: "string" },
    steps: { type: "string", default: "8" },
    batch: { type: "string", default: "64" },
  },
});
const [steps] = wholeNumbers(values, "steps", 1);
const [batchSize] = wholeNumbers(values, "batch", 1);
if (values.python === undefined && values["jax-js"] === undefined) throw new Error("Give --python, --jax-js or both");

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
const scenes = await generateMultiStrokes({ seed: 7, size: 4096 });
const inputs = new Batches(config, scenes).next(0, steps);
const start = initialState(config);

/** Largest relative differences of a loss. The logarithm of jax-js is right to about 1e-5 only. */
const ALLOWED = { JAX: 1e-5, "jax-js": 1e-3 };

/** The losses of JAX, which reads its inputs from files. */
function lossesOfJax(python) {
  const folder = temporaryFolder();
  const write = (name, data) => writeFileSync(join(folder, `${name}.f32`), data);
  for (const [name, { data }] of Object.entries(start.parameters)) write(name, data);
  for (const [name, data] of Object.entries({ images: inputs.images, ...inputs.noise })) write(name, data);
  const parameters = Object.fromEntries(Object.entries(start.parameters).map(([name, { shape }]) => [name, shape]));
  writeFileSync(join(folder, "inputs.json"), JSON.stringify({ steps, batch: batchSize, parameters }));
  const script = join(here, "jax_train.py");
  const answer = JSON.parse(execFileSync(python, [script, "--check", folder], { encoding: "utf8" }));
  if (answer.unavailable !== undefined) throw new Error(answer.unavailable);
  return answer.losses;
}

/** The losses of jax-js, whose worker has air-onnx's parameters, images and noise. */
async function lossesOfJaxJs(modules) {
  const imagesFile = join(temporaryFolder(), "images.u8");
  writeFileSync(imagesFile, scenes.images);
  const script = join(here, "jax-js-worker.mjs");
  const worker = new Worker(process.execPath, [script, modules, imagesFile, String(batchSize)]);
  const losses = [(await worker.ready()).loss];
  while (losses.length < steps) losses.push((await worker.ask({ steps: 1 })).loss);
  await worker.end();
  return losses;
}

const others = {
  ...(values.python === undefined ? {} : { JAX: lossesOfJax(values.python) }),
  ...(values["jax-js"] === undefined ? {} : { "jax-js": await lossesOfJaxJs(values["jax-js"]) }),
};
const engine = await createEngine(config, start);
const { loss } = await engine.run(inputs);
await engine[Symbol.asyncDispose]();

for (const [name, losses] of Object.entries(others)) {
  say(`\nstep${"air-onnx".padStart(16)}${name.padStart(16)}   relative difference`);
  const differences = losses.map((other, t) => Math.abs(other - loss[t]) / Math.abs(loss[t]));
  for (const [t, difference] of differences.entries()) {
    const both = [loss[t], losses[t]].map((each) => each.toFixed(5).padStart(16)).join("");
    say(String(t + 1).padStart(4) + both + difference.toExponential(1).padStart(22));
  }
  // NaN, if a loss is, and then not within the tolerance.
  const greatest = Math.max(...differences);
  const agrees = greatest <= ALLOWED[name];
  say(
    `${agrees ? "The same" : "NOT the same"}: at most ${greatest.toExponential(1)}, allowed ${ALLOWED[name].toExponential()}`,
  );
  if (!agrees) process.exitCode = 1;
}
