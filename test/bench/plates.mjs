/**
 * Counts the colonies of drawn plates (1,000x1,000 pixels, 50 to 300 colonies) by a model, in overlapping tiles, and by the classical
 * way beside it: background, threshold, watershed. Prints each plate, and the mean relative errors of the counts.
 *
 *   npm run build && node test/bench/plates.mjs <model folder> [--plates 20] [--seed 0] [--dark] [--threads 1] [--json <file>]
 *
 *   --plates <n>       number of plates, the first ones of the seed
 *   --seed <n>         seed of the plates
 *   --dark             colonies that are darker than the agar; the model must be made for them
 *   --json <file>      file to write the numbers to
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { matchBoxes, preparePicture } from "../../packages/core/dist/index.js";
import { AirModel } from "../../packages/runtime-node/dist/index.js";
import { drawPlate, findBlobs } from "../../packages/scenes/dist/index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    plates: { type: "string", default: "20" },
    seed: { type: "string", default: "0" },
    dark: { type: "boolean", default: false },
    threads: { type: "string" },
    json: { type: "string" },
  },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("Which model? node test/bench/plates.mjs <model folder>");
const threads = values.threads === undefined ? undefined : Number(values.threads);
const model = await AirModel.fromPretrained(folder, { threads });

const rows = [];
for (let i = 0; i < Number(values.plates); i++) {
  const { picture, boxes } = drawPlate(Number(values.seed), i, { dark: values.dark });
  const began = performance.now();
  const [scene] = await model.inferPictures(picture);
  const seconds = (performance.now() - began) / 1000;
  const classical = findBlobs(preparePicture(picture, model)).length;
  const found = scene.objects.map(({ tightBox }) => tightBox);
  const hits = matchBoxes(found, boxes).filter(({ iou }) => iou >= 0.5).length;
  const row = {
    plate: i,
    true: boxes.length,
    found: scene.count,
    classical,
    "in place": hits,
    tiles: scene.tiles.length,
    unlike: scene.unlikeTiles,
    seconds: Number(seconds.toFixed(1)),
  };
  rows.push(row);
  console.log(Object.entries(row).flat().join(" "));
}
await model.dispose();

/** Mean of |found − true| / true, percent. */
const relativeError = (key) =>
  (100 * rows.reduce((sum, row) => sum + Math.abs(row[key] - row.true) / row.true, 0)) / rows.length;
const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
const result = {
  model: folder,
  plates: rows.length,
  relativeErrorPercent: relativeError("found"),
  classicalRelativeErrorPercent: relativeError("classical"),
  precision: total("in place") / total("found"),
  recall: total("in place") / total("true"),
};
console.log(
  `${rows.length} plates: mean relative error ${result.relativeErrorPercent.toFixed(2)} %, classical ` +
    `${result.classicalRelativeErrorPercent.toFixed(2)} %; at IoU 0.5 precision ${result.precision.toFixed(3)}, recall ${result.recall.toFixed(3)}`,
);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ ...result, rows }, null, 2)}\n`);
