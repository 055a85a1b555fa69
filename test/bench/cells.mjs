/**
 * Counts the held-out cells by models, as `infer` does, and by the classical way beside them (background, threshold, watershed): on
 * all images, and on the halves that make counting hard, uneven light and cells that overlap.
 *
 *   npm run build && node test/bench/cells.mjs <model folder…> [--dataset cells] [--images 2000] [--threads 1]
 *
 *   --dataset <name>   cells, or dark-cells
 *   --images <n>       number of held-out images, the first ones
 */
import { parseArgs } from "node:util";
import { intersectionOverUnion, preprocessImage } from "../../packages/core/dist/index.js";
import { AveragePrecisionTally } from "../../packages/measure/dist/average-precision.js";
import { AirModel } from "../../packages/runtime-node/dist/index.js";
import { cellsExposure, classicalCount, fillBatch, loadSplits, trueBoxes } from "../../packages/scenes/dist/index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dataset: { type: "string", default: "cells" },
    images: { type: "string", default: "2000" },
    threads: { type: "string", default: "1" },
  },
});
if (positionals.length === 0) throw new Error("Which model? node test/bench/cells.mjs <model folder…>");
/** Seed of the held-out images: the odd one of data seed 0. */
const HELD_OUT_SEED = 1;
const BATCH = 50;

const { test } = await loadSplits(values.dataset, ["test"], { testSize: Number(values.images) });
const pixels = test.channels * test.imageSize ** 2;
const kinds = Array.from({ length: test.size }, (_, i) => {
  const boxes = trueBoxes(test, i);
  const overlaps = boxes.some((box, k) => boxes.slice(0, k).some((other) => intersectionOverUnion(box, other) > 0));
  const isShaded = cellsExposure(HELD_OUT_SEED, i, values.dataset === "dark-cells").shade > 0;
  return ["all", isShaded ? "shaded" : "even", overlaps ? "overlapping" : "apart"];
});

for (const folder of positionals) {
  const model = await AirModel.fromPretrained(folder, { threads: Number(values.threads) });
  const tallies = Object.fromEntries(
    ["all", "shaded", "even", "overlapping", "apart"].map((kind) => [
      kind,
      {
        images: 0,
        right: 0,
        error: 0,
        few: 0,
        many: 0,
        classicalRight: 0,
        classicalError: 0,
        boxes: new AveragePrecisionTally(),
      },
    ]),
  );
  for (let from = 0; from < test.size; from += BATCH) {
    const indices = Array.from({ length: Math.min(BATCH, test.size - from) }, (_, i) => from + i);
    const batch = new Float32Array(indices.length * pixels);
    fillBatch(test, indices, batch);
    const scenes = await model.infer(batch, { pixels: false });
    for (const [at, index] of indices.entries()) {
      const image = batch.slice(at * pixels, (at + 1) * pixels);
      if (model.manifest.preprocessing) preprocessImage(image, test, model.manifest.preprocessing, image);
      const wrong = scenes[at].count - test.counts[index];
      const classicalWrong = classicalCount(image, test).length - test.counts[index];
      const found = scenes[at].objects.map(({ tightBox, presence }) => ({ box: tightBox, score: presence }));
      for (const kind of kinds[index]) {
        const tally = tallies[kind];
        tally.images++;
        tally.right += wrong === 0;
        tally.error += Math.abs(wrong);
        tally.few += wrong < 0;
        tally.many += wrong > 0;
        tally.classicalRight += classicalWrong === 0;
        tally.classicalError += Math.abs(classicalWrong);
        tally.boxes.add(found, trueBoxes(test, index));
      }
    }
  }
  await model.dispose();
  console.log(folder);
  for (const [kind, tally] of Object.entries(tallies)) {
    const share = (value) => `${((100 * value) / tally.images).toFixed(2)} %`;
    const mean = (value) => (value / tally.images).toFixed(3);
    console.log(
      `  ${kind}, ${tally.images} images: ${share(tally.right)} right, mean error ${mean(tally.error)}, too few in ${share(tally.few)}, ` +
        `too many in ${share(tally.many)}, AP50 ${(100 * tally.boxes.result().at50).toFixed(1)} %; ` +
        `classical ${share(tally.classicalRight)}, ${mean(tally.classicalError)}`,
    );
  }
}
