/**
 * Compares the traced training step with eager tfjs at points of a real run of full size: the loss and every gradient, from
 * the same state and noise. The exit code is 1 if a difference is beyond its tolerance.
 *
 *   node packages/train/bench/gradient-check.mjs [--dataset multi-strokes] [--points 20] [--every 100] [--backend cpu]
 */
import { parseArgs } from "node:util";
import { loadDataset } from "@air-onnx/scenes";
import {
  Batches,
  createEngine,
  createGradientCheck,
  initialState,
  parseTrainConfig,
  stepDefinition,
} from "../dist/index.js";

const LOSS_TOLERANCE = 1e-5;
const GRADIENT_TOLERANCE = 1e-4;
const { values } = parseArgs({
  options: {
    dataset: { type: "string", default: "multi-strokes" },
    points: { type: "string", default: "20" },
    every: { type: "string", default: "100" },
    backend: { type: "string", default: "cpu" },
  },
});
const points = Number(values.points);
const every = Number(values.every);
const config = parseTrainConfig({
  dataset: values.dataset,
  steps: Math.max(points * every, 200),
  stepsPerRun: every,
  evaluateEvery: every,
  checkpointEvery: every,
});
const dataset = await loadDataset(config.dataset);
const batches = new Batches(config, dataset.train);
const engine = await createEngine(config, initialState(config));
const check = await createGradientCheck(stepDefinition(config), values.backend);
let passed = true;
console.log("  step   loss (relative)   worst gradient (relative, in norm)");
for (let point = 0; point < points; point++) {
  const step = point * every;
  const { loss, gradients } = await check.compare((await engine.state()).parameters, batches.next(step, 1));
  const [name, worst] = Object.entries(gradients).reduce((a, b) => (b[1] > a[1] ? b : a));
  passed &&= loss <= LOSS_TOLERANCE && worst <= GRADIENT_TOLERANCE;
  console.log(
    `${String(step).padStart(6)}   ${loss.toExponential(2).padStart(15)}   ${worst.toExponential(2)} ${name}`,
  );
  if (point < points - 1) await engine.run(batches.next(step, every));
}
await engine[Symbol.asyncDispose]();
await check[Symbol.asyncDispose]();
console.log(
  passed ? "within" : "BEYOND",
  `the tolerances ${LOSS_TOLERANCE} (loss) and ${GRADIENT_TOLERANCE} (gradients)`,
);
process.exitCode = passed ? 0 : 1;
