/**
 * Trains in Node by the training files of the built page, and records for the page what the model makes of its eight held-out
 * images at about thirty checkpoints: `public/recorded/strokes.json` with counts, windows and measures, and `strokes.png` with the
 * pictures, a row for each checkpoint below that of the images. They are written at every checkpoint. Run `node packages/demo/bench/record-run.mjs` after a build.
 * `--training strokes-nvil` takes other files, `--site FOLDER` another build, `--seed N` another seed; `--out FOLDER` another folder, `none` to print alone.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { drawnSet, fillBatch, formOf, generateScenes, streamScenes } from "@air-onnx/scenes/drawn";
import { parseTrainingManifest, Trainer } from "@air-onnx/trainer";
import * as ort from "onnxruntime-node";
import { PNG } from "pngjs";
import { demo } from "./in-chromium.mjs";

const { values } = parseArgs({
  options: {
    training: { type: "string", default: "strokes" },
    seed: { type: "string", default: "0" },
    site: { type: "string", default: join(demo, "dist") },
    out: { type: "string", default: join(demo, "public/recorded") },
  },
});
const SHOWN = 8;
const MEASURED = 250;
const seed = Number(values.seed);

const read = async (path) => Uint8Array.from(readFileSync(join(values.site, "training", values.training, path)));
const manifest = parseTrainingManifest(await read("training.json"), "training.json");
const { imageSize } = manifest.model;
const pixels = imageSize ** 2;

// As the page draws them: see training-images.ts.
const set = drawnSet(manifest.data.dataset);
const form = formOf(set, { ...manifest.data.settings, imageSize });
const stream = streamScenes(await set.generator(2 * seed, form, {}, "train"));
const heldOut = await generateScenes(await set.generator(1, form, {}, "test"), MEASURED);
const images = new Float32Array(MEASURED * pixels);
fillBatch(heldOut, [...heldOut.counts.keys()], images);
const shown = images.subarray(0, SHOWN * pixels);

const trainer = await Trainer.open({
  manifest,
  readFile: read,
  createSession: (graph) => ort.InferenceSession.create(graph, { intraOpNumThreads: 1 }),
  drawImages: (indices, target) => fillBatch(stream, indices, target),
  seed,
});

/** Checkpoints are close to one another at first, where most happens. */
const checkpoints = [0, 10, 20, 40, 60, 80, 100];
for (let step = 150; step < 600; step += 50) checkpoints.push(step);
for (let step = 600; step < manifest.steps; step += 100) checkpoints.push(step);
checkpoints.push(manifest.steps);

const thousandths = (value) => Math.round(value * 1000) / 1000;
const rows = [Array.from({ length: SHOWN }, (_, i) => shown.subarray(i * pixels, (i + 1) * pixels))];
const points = [];
/** Processor time of the steps, which other work on the machine lengthens less than the time of the clock. */
let seconds = 0;
let meanCount = 0;
/** Writes what has been recorded so far. */
function write() {
  const png = new PNG({ width: SHOWN * imageSize, height: rows.length * imageSize, colorType: 0, inputColorType: 0 });
  png.data = Buffer.alloc(png.width * png.height);
  rows.forEach((row, r) => {
    row.forEach((picture, i) => {
      for (let at = 0; at < pixels; at++) {
        const [y, x] = [r * imageSize + Math.floor(at / imageSize), i * imageSize + (at % imageSize)];
        png.data[y * png.width + x] = Math.round(255 * Math.min(1, Math.max(0, picture[at])));
      }
    });
  });
  mkdirSync(values.out, { recursive: true });
  writeFileSync(
    join(values.out, "strokes.png"),
    PNG.sync.write(png, { colorType: 0, inputColorType: 0, inputHasAlpha: false }),
  );
  const record = {
    imageSize,
    seed,
    steps: manifest.steps,
    seconds: Math.round(seconds),
    hardware: `one thread of an ${cpus()[0].model.trim()}`,
    recordedOn: new Date().toISOString().slice(0, 10),
    counts: [...heldOut.counts.slice(0, SHOWN)],
    points,
  };
  writeFileSync(join(values.out, "strokes.json"), `${JSON.stringify(record)}\n`);
}

for (const checkpoint of checkpoints) {
  while (trainer.step < checkpoint) {
    const begin = process.cpuUsage();
    const { count } = await trainer.run(Math.min(20, checkpoint - trainer.step));
    const { user, system } = process.cpuUsage(begin);
    seconds += (user + system) / 1e6;
    meanCount = count.reduce((sum, each) => sum + each, 0) / count.length;
  }
  const { elbo, countAccuracyMap } = await trainer.evaluate(images, heldOut.counts);
  const explained = await trainer.explain(shown);
  rows.push(explained.map(({ reconstruction }) => reconstruction));
  points.push({
    step: checkpoint,
    elbo: thousandths(elbo),
    accuracy: countAccuracyMap,
    meanCount: thousandths(meanCount),
    explained: explained.map(({ count, zWhere }) => ({ count, zWhere: zWhere.map((each) => each.map(thousandths)) })),
  });
  if (values.out !== "none") write();
  console.log(
    `step ${checkpoint}: ${(100 * countAccuracyMap).toFixed(1)} %, ELBO ${elbo.toFixed(1)}, ` +
      `${meanCount.toFixed(2)} objects, ${seconds.toFixed(0)} s of processor time`,
  );
}

await trainer[Symbol.asyncDispose]();
