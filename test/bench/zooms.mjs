/**
 * Counts drawings whose digits are larger than those that a model was trained on, as they are and at several zooms, and the
 * held-out images of multi-mnist, which zooms should not harm, if the model takes their size. The digits are of MNIST's test
 * set; the seeds are fixed.
 *
 *   npm run build && node test/bench/zooms.mjs [--model models/multi-mnist] [--images 1000] [--zoom auto]
 *
 *   --model <folder>       an exported model of grey images
 *   --images <n>           of each kind
 *   --zoom <shares>        such as 1,0.7,0.5
 *   --mnist-dir <folder>   of the MNIST files; AIR_ONNX_MNIST_DIR by default, without which they are downloaded
 */
import { parseArgs } from "node:util";
import { RandomStream } from "../../packages/core/dist/index.js";
import { AirModel } from "../../packages/runtime-node/dist/index.js";
import {
  defaultCacheDir,
  environmentMnistDir,
  fillBatch,
  loadMnistPart,
  loadSplits,
} from "../../packages/scenes/dist/index.js";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "models/multi-mnist" },
    images: { type: "string", default: "1000" },
    zoom: { type: "string", default: "auto" },
    "mnist-dir": { type: "string" },
  },
});
const images = Number(values.images);
const zoom = values.zoom === "auto" ? "auto" : values.zoom.split(",").map(Number);
const places = { mnistDir: values["mnist-dir"] ?? environmentMnistDir(), cacheDir: defaultCacheDir() };
const digits = (await loadMnistPart("testImages", places)).subarray(-10_000 * 28 ** 2);
const model = await AirModel.fromPretrained(values.model);
const { imageSize: side } = model.config;
const pixels = side ** 2;

for (const share of [0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8]) {
  const oneDigit = (i) => {
    const image = new Float32Array(pixels);
    drawDigit(image, { digit: new RandomStream(6, i).integer(10_000), x: side / 2, y: side / 2 }, share * side);
    return image;
  };
  await show(
    `one digit in the middle, ${100 * share} % of the height`,
    Array.from({ length: images }, (_, i) => oneDigit(i)),
  );
}
await show("two digits apart, 30 to 40 % of the height", apart(2, [0.3, 0.4], 8), 2);
await show("two digits apart, 40 to 50 % of the height", apart(2, [0.4, 0.5], 9), 2);
await show("three digits apart, 25 to 35 % of the height", apart(3, [0.25, 0.35], 10), 3);
if (side === 50) {
  const splits = await loadSplits("multi-mnist", ["test", "fresh"], places);
  for (const [name, set] of Object.entries(splits)) {
    const own = Array.from({ length: Math.min(set.size, 10 * images) }, (_, i) => {
      const image = new Float32Array(pixels);
      fillBatch(set, [i], image);
      return image;
    });
    await show(`multi-mnist, ${name} images`, own, set.counts);
  }
}

await model.dispose();

/** Prints the share of right counts as they are and with zooms. `truth` is the count of all images, or of each. */
async function show(name, made, truth = 1) {
  const batch = new Float32Array(made.length * pixels);
  made.forEach((image, i) => void batch.set(image, i * pixels));
  const rightOf = async (options) => {
    const scenes = await model.infer(batch, { pixels: false, ...options });
    const right = scenes.filter(({ count }, i) => count === (typeof truth === "number" ? truth : truth[i])).length;
    return { right: `${((100 * right) / scenes.length).toFixed(2).padStart(6)} %`, scenes };
  };
  const plain = await rightOf({});
  const zoomed = await rightOf({ zoom });
  const kept = new Map();
  for (const scene of zoomed.scenes) kept.set(scene.zoom, (kept.get(scene.zoom) ?? 0) + 1);
  const zooms = [...kept].sort(([a], [b]) => b - a).map(([share, n]) => `${share}: ${n}`);
  console.log(`${name.padEnd(48)} ${plain.right}  with zooms ${zoomed.right}  (${zooms.join(", ")})`);
}

/** Images of so many digits of one height, at random places, whose frames are at least 2 pixels apart and 1 from the border. */
function apart(count, [least, most], seed) {
  return Array.from({ length: images }, (_, i) => {
    const random = new RandomStream(seed, i);
    for (;;) {
      const height = side * (least + (most - least) * random.uniform());
      const placed = [];
      for (let tries = 0; placed.length < count && tries < 200; tries++) {
        const digit = random.integer(10_000);
        const width = (height * widthOf(frameOf(digit))) / heightOf(frameOf(digit));
        const between = (size) => 1 + size / 2 + (side - 2 - size) * random.uniform();
        const place = { digit, width, x: between(width), y: between(height) };
        const isApart = (other) =>
          Math.abs(other.x - place.x) > (other.width + width) / 2 + 2 || Math.abs(other.y - place.y) > height + 2;
        if (width <= side - 2 && placed.every(isApart)) placed.push(place);
      }
      if (placed.length < count) continue;
      const image = new Float32Array(pixels);
      for (const place of placed) drawDigit(image, place, height);
      return image;
    }
  });
}

/** Frame of the digit's ink: left, top, right, bottom; the last two exclusive. */
function frameOf(digit) {
  const frame = [28, 28, 0, 0];
  digits.subarray(digit * 28 ** 2, (digit + 1) * 28 ** 2).forEach((value, k) => {
    if (value <= 40) return;
    const [x, y] = [k % 28, Math.floor(k / 28)];
    frame[0] = Math.min(frame[0], x);
    frame[1] = Math.min(frame[1], y);
    frame[2] = Math.max(frame[2], x + 1);
    frame[3] = Math.max(frame[3], y + 1);
  });
  return frame;
}

function widthOf([left, , right]) {
  return right - left;
}

function heightOf([, top, , bottom]) {
  return bottom - top;
}

/** Adds a digit whose ink has the given height, with its middle at (x, y): bilinear, the mean of 3x3 points of each pixel. */
function drawDigit(image, { digit, x, y }, height) {
  const from = digits.subarray(digit * 28 ** 2, (digit + 1) * 28 ** 2);
  const frame = frameOf(digit);
  const scale = height / heightOf(frame);
  const at = (u, v) => (u < 0 || v < 0 || u > 27 || v > 27 ? 0 : from[v * 28 + u] / 255);
  const [middleX, middleY] = [(frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2];
  for (let k = 0; k < pixels; k++) {
    let sum = 0;
    for (let point = 0; point < 9; point++) {
      const [u, v] = [(k % side) + ((point % 3) + 0.5) / 3, Math.floor(k / side) + (Math.floor(point / 3) + 0.5) / 3];
      sum += bilinear(at, (u - x) / scale + middleX, (v - y) / scale + middleY);
    }
    image[k] = Math.min(1, image[k] + sum / 9);
  }
}

function bilinear(at, x, y) {
  const [left, top] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  const [right, down] = [x - 0.5 - left, y - 0.5 - top];
  const upper = (1 - right) * at(left, top) + right * at(left + 1, top);
  const lower = (1 - right) * at(left, top + 1) + right * at(left + 1, top + 1);
  return (1 - down) * upper + down * lower;
}
