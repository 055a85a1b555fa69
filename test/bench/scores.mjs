/**
 * Measures how far the scores of a shipped model's objects can be taken for probabilities, on the held-out images of its own data
 * set that they were not fitted to, beside the presences of the same objects; and what thresholds leave out.
 *
 *   npm run build && node test/bench/scores.mjs [--model models/multi-mnist] [--mnist-dir <folder>] [--fit]
 *
 *   --model <folder>       an exported model
 *   --mnist-dir <folder>   of the MNIST files; AIR_ONNX_MNIST_DIR by default, without which they are downloaded
 *   --fit                  fits the scores to the first 2,000 held-out images, and writes the fit into the model's config.json,
 *                          as an export does
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseManifest } from "../../packages/core/dist/index.js";
import { fitScore, TYPICALITY_IMAGES } from "../../packages/export/dist/index.js";
import { ScoreTally } from "../../packages/measure/dist/index.js";
import { AirModel } from "../../packages/runtime-node/dist/index.js";
import {
  defaultCacheDir,
  environmentMnistDir,
  fillBatch,
  loadSplits,
  pixelsPerImage,
  trueBoxes,
} from "../../packages/scenes/dist/index.js";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "models/multi-mnist" },
    "mnist-dir": { type: "string" },
    fit: { type: "boolean", default: false },
  },
});
const places = { mnistDir: values["mnist-dir"] ?? environmentMnistDir(), cacheDir: defaultCacheDir() };
const configFile = join(values.model, "config.json");
const { training } = parseManifest(readFileSync(configFile), configFile);
const { test } = await loadSplits(training.dataset, ["test"], { ...training.heldOut, ...places });

if (values.fit) {
  const model = await AirModel.fromPretrained(values.model);
  const score = await fitScore(model, test, { onNotice: console.error });
  await model.dispose();
  const { score: _, ...manifest } = JSON.parse(readFileSync(configFile, "utf8"));
  writeFileSync(configFile, `${JSON.stringify({ ...manifest, score }, null, 2)}\n`);
  console.log(`${configFile}: ${JSON.stringify(score)}\n`);
}

const model = await AirModel.fromPretrained(values.model);
const length = pixelsPerImage(test);
const tallies = { presence: new ScoreTally(), score: new ScoreTally() };
const thresholds = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99].map((least) => ({
  least,
  objects: 0,
  right: 0,
  counts: 0,
}));
for (let start = TYPICALITY_IMAGES; start < test.size; start += 250) {
  const indices = Array.from({ length: Math.min(250, test.size - start) }, (_, i) => start + i);
  const batch = new Float32Array(indices.length * length);
  fillBatch(test, indices, batch);
  const scenes = await model.infer(batch);
  for (const [row, { objects }] of scenes.entries()) {
    const truth = trueBoxes(test, indices[row]);
    tallies.score.add(objects, truth);
    tallies.presence.add(
      objects.map((object) => ({ ...object, score: object.presence })),
      truth,
    );
    for (const each of thresholds) {
      const own = new ScoreTally();
      const left = objects.filter(({ score }) => score >= each.least);
      own.add(left, truth);
      const quality = own.result();
      each.objects += left.length;
      each.right += (quality?.right ?? 0) * left.length;
      if (left.length === test.counts[indices[row]]) each.counts++;
    }
  }
}
await model.dispose();

const images = test.size - TYPICALITY_IMAGES;
for (const [name, tally] of Object.entries(tallies)) {
  const { objects, right, calibrationError, brier, ranking, reliability } = tally.result();
  console.log(
    `${name}: ${objects} objects, ${percent(right)} right; calibration error ${percent(calibrationError)}, Brier ${brier.toFixed(5)}, ranking ${ranking === null ? "none" : percent(ranking)}`,
  );
  for (const group of reliability)
    console.log(`  ${percent(group.meanScore)} of ${group.objects}: ${percent(group.right)} right`);
}
for (const { least, objects, right, counts } of thresholds) {
  console.log(
    `threshold ${least}: ${objects} objects, ${percent(right / objects)} right; counts ${percent(counts / images)} right`,
  );
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}
