// Trains a small run: what `air-onnx train` does, from a program. Nothing but the folder is left behind.
//
//   node examples/train-from-code.mjs [run folder] [steps]
import { parseTrainConfig, startRun } from "@air-onnx/train";

const [folder = "runs/from-code", steps = "600"] = process.argv.slice(2);

// Checks every setting and fills in what is left out. An unknown key or a wrong value is a ConfigError that names it.
const config = parseTrainConfig({
  dataset: "multi-strokes", // Drawn by this program: no download.
  trainSize: 2000,
  testSize: 200,
  steps: Number(steps),
  // Training runs 20 steps at a time inside one graph, so these are multiples of 20 (`stepsPerRun`).
  evaluateEvery: 200,
  evaluateImages: 200,
  checkpointEvery: 200,
  optimizer: { warmupSteps: 20 },
  seed: 0, // The same seed gives the same model on the same machine and number of threads.
});

// A folder that already holds a run is an error. `resumeRun(folder)` goes on with one that was stopped.
const { step, evaluation, trainingSeconds } = await startRun(folder, config, {
  onEvent(event) {
    if (event.type !== "evaluation") return;
    const { elbo, countAccuracyMap } = event.evaluation;
    console.log(
      `step ${event.step}: ELBO ${elbo.toFixed(1)} nats, ${(100 * countAccuracyMap).toFixed(1)} % counted right`,
    );
  },
  notify: (line) => console.error(line), // What was repaired or done otherwise than asked; nothing is said elsewhere.
});
console.log(`${step} steps in ${trainingSeconds.toFixed(0)} s: ${folder}, ELBO ${evaluation.elbo.toFixed(1)} nats`);
