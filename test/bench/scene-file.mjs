/**
 * Compares `onnx/scene.onnx` of shipped models with `AirModel.infer` on held-out images, in several engines, and measures its
 * time against that of `infer`. Exit code 1 if a count differs, a box by 0.1 pixels or more, or a probability by 1e-4 or more.
 *
 *   npm run build && node test/bench/scene-file.mjs [--engines node,python,wasm,webgpu] [--images 10000]
 *
 *   --engines <names>      node by default; wasm and webgpu are onnxruntime-web in Chromium
 *   --models <names>       of models/; all by default
 *   --images <n>           held-out images of each model's data set, 10,000
 *   --batch <n>            images in one call, 200
 *   --python <executable>  one that has onnxruntime and numpy
 *   --times <rounds>       measures times instead: calls of 256 images and of one, in turns, one thread
 *   --mnist-dir <folder>   of the MNIST files; AIR_ONNX_MNIST_DIR by default, without which they are downloaded
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AirModel } from "../../packages/runtime-node/dist/index.js";
import { InferenceSession } from "../../packages/runtime-node/dist/onnxruntime.js";
import { defaultCacheDir, environmentMnistDir, fillBatch, loadSplits } from "../../packages/scenes/dist/index.js";
import { circumstances, circumstancesLine, median, medianRatio, root, say } from "./competitors.mjs";
import { sceneEngines, scenesInNode } from "./scene-engines.mjs";

const { values } = parseArgs({
  options: {
    engines: { type: "string", default: "node" },
    models: { type: "string" },
    images: { type: "string", default: "10000" },
    batch: { type: "string", default: "200" },
    python: { type: "string", default: "python3" },
    times: { type: "string" },
    "mnist-dir": { type: "string" },
  },
});
const models = join(root, "models");
const names = values.models?.split(",") ?? readdirSync(models).filter((name) => name !== "README.md");
const batch = Number(values.batch);

say(circumstancesLine(circumstances()));
for (const name of names) {
  const folder = join(models, name);
  const model = await AirModel.fromPretrained(folder, { threads: 1 });
  const images = await heldOutImages(model, Number(values.images));
  if (values.times) await showTimes(name, folder, model, images);
  else await showDifferences(name, folder, model, images);
  await model.dispose();
}

/** Held-out images of the model's data set, `[n, C, S, S]`. */
async function heldOutImages({ manifest, config }, most) {
  const places = { mnistDir: values["mnist-dir"] ?? environmentMnistDir(), cacheDir: defaultCacheDir() };
  const { test } = await loadSplits(manifest.training.dataset, ["test"], { ...places, testSize: most });
  const size = Math.min(most, test.size);
  const images = new Float32Array(size * config.channels * config.imageSize ** 2);
  fillBatch(test, [...Array(size).keys()], images);
  return images;
}

async function showDifferences(name, folder, model, images) {
  const scenes = await model.infer(images, { pixels: false });
  for (const engine of values.engines.split(",")) {
    if (!Object.hasOwn(sceneEngines, engine)) {
      throw new RangeError(`--engines must be of ${Object.keys(sceneEngines).join(", ")}, got ${engine}`);
    }
    const began = performance.now();
    const found = await sceneEngines[engine]({ folder, config: model.config, images, batch, python: values.python });
    const seconds = (performance.now() - began) / 1000;
    const seen = differences(model.config, found, scenes);
    const isSame = seen.counts === 0 && seen.box < 0.1 && seen.probability < 1e-4;
    if (!isSame) process.exitCode = 1;
    say(
      `${name}, ${engine}: ${scenes.length} images, ${seen.counts} counts differ, ${seen.objects} boxes by up to ` +
        `${seen.box.toExponential(1)} px, ${seen.tight} tight boxes differ, probabilities by up to ` +
        `${seen.probability.toExponential(1)}, in ${seconds.toFixed(0)} s${isSame ? "" : ": NOT THE SAME"}`,
    );
  }
}

/** How far the answers of a scene file are from the scenes that the runtime found. */
function differences({ maxSteps }, found, scenes) {
  const seen = { counts: 0, objects: 0, box: 0, tight: 0, probability: 0 };
  const apart = (values, expected, at) =>
    expected.reduce((most, value, i) => Math.max(most, Math.abs(values[at + i] - value)), 0);
  scenes.forEach(({ count, objects, countProbabilities }, image) => {
    const at = image * (maxSteps + 1);
    seen.probability = Math.max(seen.probability, apart(found.count_probabilities, [...countProbabilities], at));
    if (found.count[image] !== count) {
      seen.counts++;
      return;
    }
    objects.forEach(({ box, tightBox, score }, slot) => {
      const object = image * maxSteps + slot;
      seen.objects++;
      seen.box = Math.max(seen.box, apart(found.box, Object.values(box), 4 * object));
      if (apart(found.tight_box, Object.values(tightBox), 4 * object) >= 0.1) seen.tight++;
      seen.probability = Math.max(seen.probability, Math.abs(found.score[object] - score));
    });
  });
  return seen;
}

/** Milliseconds a call of the scene file and of `infer`, by turns. */
async function showTimes(name, folder, model, images) {
  const session = await InferenceSession.create(join(folder, "onnx/scene.onnx"), { intraOpNumThreads: 1 });
  const pixels = model.config.channels * model.config.imageSize ** 2;
  for (const size of [256, 1]) {
    const calls = Math.max(1, Math.round(64 / size));
    const competitors = {
      "scene.onnx": (part) => scenesInNode(session, model.config, part),
      "scene.onnx, all outputs": (part) => scenesInNode(session, model.config, part, session.outputNames),
      infer: (part) => model.infer(part),
      "infer, pixels: false": (part) => model.infer(part, { pixels: false }),
      "infer, all steps": (part) => model.infer(part, { earlyStop: false }),
    };
    const times = Object.fromEntries(Object.keys(competitors).map((each) => [each, []]));
    for (let round = -1; round < Number(values.times); round++) {
      for (const [each, run] of Object.entries(competitors)) {
        const began = performance.now();
        for (let call = 0; call < calls; call++) {
          const first = ((call + Math.max(0, round)) * size * pixels) % (images.length - size * pixels + 1);
          const start = Math.floor(first / pixels) * pixels;
          await run(images.subarray(start, start + size * pixels));
        }
        // The first round warms up.
        if (round >= 0) times[each].push((performance.now() - began) / calls);
      }
    }
    for (const [each, own] of Object.entries(times)) {
      const ratio = medianRatio(own, times.infer);
      say(`${name}, ${size} images, ${each}: ${median(own).toFixed(2)} ms a call, ${ratio.toFixed(2)} of infer`);
    }
  }
  await session.release();
}
