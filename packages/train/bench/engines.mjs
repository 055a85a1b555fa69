/**
 * Training step by engine: the traced graph on onnxruntime against eager tfjs, alternating in one process, so that what
 * else the machine does meets all alike. Prints medians, minima and ratios.
 *
 *   node packages/train/bench/engines.mjs [--batch 64] [--rounds 5] [--threads 0] [--cpu]
 *
 * `--cpu` adds tfjs's plain JavaScript backend, which takes seconds a step.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import {
  Batches,
  createEngine,
  generateMultiStrokes,
  initialParameters,
  initialState,
  parseTrainConfig,
} from "../dist/index.js";

const { values } = parseArgs({
  options: {
    batch: { type: "string", default: "64" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: "0" },
    cpu: { type: "boolean", default: false },
  },
});
const batchSize = Number(values.batch);
const contenders = [
  { backend: "onnxruntime", steps: 20 },
  { backend: "wasm", steps: 1 },
  ...(values.cpu ? [{ backend: "cpu", steps: 1 }] : []),
];
const scenes = await generateMultiStrokes({ seed: 0, size: 20 * batchSize });

for (const contender of contenders) {
  const config = parseTrainConfig({
    dataset: "multi-strokes",
    backend: contender.backend,
    batchSize,
    threads: Number(values.threads),
    stepsPerRun: 1,
  });
  const parameters = Object.entries(initialParameters(config.model, 0));
  const start = initialState(Object.fromEntries(parameters.map(([name, { data }]) => [name, data])));
  contender.engine = await createEngine(config, start);
  contender.batches = new Batches(config, scenes);
  contender.times = [];
}
// The first round warms up and is not counted.
for (let round = 0; round <= Number(values.rounds); round++) {
  for (const { engine, batches, steps, times } of contenders) {
    const inputs = batches.next(round * steps, steps);
    const began = performance.now();
    await engine.run(inputs);
    if (round > 0) times.push((performance.now() - began) / steps);
  }
}
const median = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
const first = median(contenders[0].times);
console.log(`batch ${batchSize}, ${cpus().length} x ${cpus()[0].model}, Node ${process.version}`);
console.log("engine                          median ms/step   minimum   against the first");
for (const { engine, times } of contenders) {
  const ratio = `${(median(times) / first).toFixed(1)}x`;
  console.log(
    `${engine.name.padEnd(32)}${median(times).toFixed(1).padStart(14)}${Math.min(...times)
      .toFixed(1)
      .padStart(10)}${ratio.padStart(20)}`,
  );
  await engine[Symbol.asyncDispose]();
}
