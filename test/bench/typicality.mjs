/**
 * Measures which images a shipped model calls unlike its training data: drawings that are, and held-out images that are not.
 * All are made from digits of MNIST's test set, which no training image has, with fixed seeds.
 *
 *   npm run build && node test/bench/typicality.mjs [--model models/multi-mnist] [--mnist-dir <folder>] [--fit]
 *
 *   --model <folder>       an exported model
 *   --mnist-dir <folder>   of the MNIST files; AIR_ONNX_MNIST_DIR by default, without which they are downloaded
 *   --fit                  fits the limits to the first 2,000 held-out images of the model's own data set, and writes them
 *                          into its config.json, as an export does
 *   --images 1000          of each kind
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseManifest, RandomStream } from "../../packages/core/dist/index.js";
import { fitTypicality, TYPICALITY_IMAGES } from "../../packages/export/dist/index.js";
import { AirModel } from "../../packages/runtime-node/dist/index.js";
import { generateScenes } from "../../packages/scenes/dist/drawn/generate.js";
import { multiMnistKind } from "../../packages/scenes/dist/drawn/multi-mnist.js";
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
    "mnist-dir": { type: "string" },
    fit: { type: "boolean", default: false },
    images: { type: "string", default: "1000" },
  },
});
const places = { mnistDir: values["mnist-dir"] ?? environmentMnistDir(), cacheDir: defaultCacheDir() };
const configFile = join(values.model, "config.json");
const { training } = parseManifest(readFileSync(configFile), configFile);
const { test } = await loadSplits(training.dataset, ["test"], { ...training.heldOut, ...places });

if (values.fit) {
  const model = await AirModel.fromPretrained(values.model);
  const typicality = await fitTypicality(model, test, { onNotice: console.error });
  await model.dispose();
  const { typicality: _, ...manifest } = JSON.parse(readFileSync(configFile, "utf8"));
  writeFileSync(configFile, `${JSON.stringify({ ...manifest, typicality }, null, 2)}\n`);
  console.log(`${configFile}: ${JSON.stringify(typicality)}\n`);
}

const model = await AirModel.fromPretrained(values.model);
const { imageSize: side, channels } = model.config;
const pixels = channels * side ** 2;
const images = Number(values.images);
console.log(`${"images".padEnd(52)} unlike   counts found`);

const heldOut = Array.from({ length: test.size - TYPICALITY_IMAGES }, (_, i) => {
  const image = new Float32Array(pixels);
  fillBatch(test, [TYPICALITY_IMAGES + i], image);
  return image;
});
await show(`held out, not fitted to (${heldOut.length})`, heldOut);
if (training.dataset === "multi-mnist") {
  const digits = (await loadMnistPart("testImages", places)).subarray(-10_000 * 28 ** 2);
  for (const [name, made] of await multiMnistKinds(digits)) await show(name, made);
}
const own = heldOut.slice(0, images);
for (const [name, made] of changedKinds(own)) await show(name, made);
for (const [name, made] of patternKinds()) await show(name, made);
await model.dispose();

async function show(name, made) {
  const batch = new Float32Array(made.length * pixels);
  made.forEach((image, i) => void batch.set(image, i * pixels));
  const scenes = await model.infer(batch);
  const unlike = scenes.filter(({ typical }) => typical === false).length / scenes.length;
  const counts = new Array(model.config.maxSteps + 1).fill(0);
  for (const { count } of scenes) counts[count]++;
  console.log(`${name.padEnd(52)} ${(100 * unlike).toFixed(1).padStart(5)} %  ${counts.join(", ")}`);
}

/** Images of digits: of the data set's own kind, with more objects, and too large. */
async function multiMnistKinds(digits) {
  const kind = multiMnistKind(digits, 77);
  const drawn = async (count) => {
    const recipe = (i) => ({ ...kind.recipe(i), ...(count !== undefined && { count }) });
    const set = await generateScenes({ ...kind, maxObjects: Math.max(2, count ?? 0), recipe }, images, {});
    return Array.from({ length: images }, (_, i) => {
      const image = new Float32Array(pixels);
      fillBatch(set, [i], image);
      return image;
    });
  };
  const kinds = [
    ["0 to 2 digits of MNIST's test set", await drawn()],
    ["two digits of MNIST's test set", await drawn(2)],
  ];
  for (const count of [3, 4, 5]) kinds.push([`${count} digits`, await drawn(count)]);
  for (const share of [0.35, 0.5, 0.6, 0.7, 0.8, 0.95]) {
    for (const [method, read] of [
      ["nearest pixel", nearest],
      ["bilinear", bilinear],
    ]) {
      const name = `one digit, ${100 * share} % of the height, ${method}`;
      kinds.push([name, Array.from({ length: images }, (_, i) => largeDigit(digits, share, i, read))]);
    }
  }
  const sixty = (i) => largeDigit(digits, 0.6 + 0.4 * new RandomStream(7, i).uniform(), i, bilinear);
  kinds.push(["one digit, 60 to 100 % of the height, bilinear", Array.from({ length: images }, (_, i) => sixty(i))]);
  return kinds;
}

/** One digit in the middle, whose ink has the given share of the image's height. */
function largeDigit(digits, share, i, read) {
  const start = new RandomStream(6, i).integer(10_000) * 28 ** 2;
  const digit = digits.subarray(start, start + 28 ** 2);
  let [first, last] = [28, 0];
  digit.forEach((value, pixel) => {
    if (value <= 40) return;
    first = Math.min(first, Math.floor(pixel / 28));
    last = Math.max(last, Math.floor(pixel / 28) + 1);
  });
  const scale = (share * side) / (last - first);
  const at = (x, y) => (x < 0 || y < 0 || x > 27 || y > 27 ? 0 : digit[y * 28 + x] / 255);
  return Float32Array.from({ length: pixels }, (_, k) =>
    read(
      at,
      ((k % side) + 0.5 - side / 2) / scale + 14,
      (Math.floor(k / side) + 0.5 - side / 2) / scale + (first + last) / 2,
    ),
  );
}

function nearest(at, x, y) {
  return at(Math.floor(x), Math.floor(y));
}

function bilinear(at, x, y) {
  const [left, top] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  const [right, down] = [x - 0.5 - left, y - 0.5 - top];
  const upper = (1 - right) * at(left, top) + right * at(left + 1, top);
  const lower = (1 - right) * at(left, top + 1) + right * at(left + 1, top + 1);
  return (1 - down) * upper + down * lower;
}

/** Held-out images, changed. Images are stored as 8 bits, as those from files. */
function changedKinds(own) {
  const byte = (value) => Math.round(255 * Math.min(1, Math.max(0, value))) / 255;
  const each = (change) => own.map((image, i) => image.map((value, k) => byte(change(value, k, i))));
  const noise = own.map((_, i) => new RandomStream(9, i).fillNormal(new Float32Array(pixels)));
  const inked = own.filter((image) => image.some((value) => value > 0.2));
  const rowOf = (k) => Math.floor((k % side ** 2) / side);
  const middleRow = inked.map((image) => {
    const rows = [...image.keys()].filter((k) => image[k] > 0.2).map(rowOf);
    return Math.round((Math.min(...rows) + Math.max(...rows)) / 2);
  });
  return [
    ["inverted", each((value) => 1 - value)],
    ...[0.02, 0.05, 0.1].map((level) => [
      `background of ${level} of full scale`,
      each((value) => Math.max(value, level)),
    ]),
    ["0.05 of full scale added", each((value) => value + 0.05)],
    ...[0.05, 0.1].map((std) => [`noise of std ${std}`, each((value, k, i) => value + std * noise[i][k])]),
    ["half as bright, with ink", inked.map((image) => image.map((value) => byte(value / 2)))],
    [
      "turned upside down, with ink",
      inked.map((image) => image.map((_, k) => image[k - 2 * (k % side ** 2) + side ** 2 - 1])),
    ],
    [
      "shifted so that half is beyond the upper border",
      inked.map((image, i) =>
        image.map((_, k) => (rowOf(k) + middleRow[i] < side ? image[k + side * middleRow[i]] : 0)),
      ),
    ],
    ["upper half erased", inked.map((image, i) => image.map((value, k) => (rowOf(k) < middleRow[i] ? 0 : value)))],
  ];
}

/** Images without objects of the data set's kind. */
function patternKinds() {
  const drawn = (seed, make) =>
    Array.from({ length: images }, (_, i) => {
      const at = make(new RandomStream(seed, i));
      return Float32Array.from({ length: pixels }, (_, k) => at(k % side, Math.floor((k % side ** 2) / side)));
    });
  return [
    [
      "stripes",
      drawn(11, (random) => {
        const [angle, width, phase] = [Math.PI * random.uniform(), 3 + 9 * random.uniform(), 6 * random.uniform()];
        const wave = (x, y) => Math.sin((2 * Math.PI * (x * Math.cos(angle) + y * Math.sin(angle))) / width + phase);
        return (x, y) => 0.5 + 0.5 * wave(x, y);
      }),
    ],
    [
      "gradient between four corners, as of a photograph",
      drawn(12, (random) => {
        const [a, b, c, d] = [0, 1, 2, 3].map(() => random.uniform());
        return (x, y) => {
          const [u, v] = [x / (side - 1), y / (side - 1)];
          return (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d);
        };
      }),
    ],
    [
      "one filled rectangle of 6 to 19 pixels",
      drawn(14, (random) => {
        const [width, height] = [6 + random.integer(14), 6 + random.integer(14)];
        const [left, top] = [random.integer(side - width), random.integer(side - height)];
        return (x, y) => Number(x >= left && x < left + width && y >= top && y < top + height);
      }),
    ],
    [
      "one dot of 3x3 pixels",
      drawn(15, (random) => {
        const [left, top] = [random.integer(side - 3), random.integer(side - 3)];
        return (x, y) => Number(x >= left && x < left + 3 && y >= top && y < top + 3);
      }),
    ],
  ];
}
