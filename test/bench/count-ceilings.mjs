/**
 * Measures what count accuracy is worth on a data set, by two counters that are no AIR: connected components, the classical
 * one, and a small convolutional network that learns from the counts of all training images, which AIR never sees.
 *
 *   npm run build && node test/bench/count-ceilings.mjs [--dataset multi-mnist] [--epochs 12] [--seed 0]
 *
 *   --dataset <name>       a drawn data set; its training images to learn from and its test images to count
 *   --epochs <n>           passes of the network over the training images; 0 counts connected components alone
 *   --seed <n>             seed of the weights and of the order of the images
 *   --threads <n>          threads of onnxruntime; by default one per physical core
 *   --mnist-dir <folder>   of the MNIST files; AIR_ONNX_MNIST_DIR by default, without which they are downloaded
 *
 * The network is traced, with its gradient and Adam, into an ONNX Loop, as AIR's training is.
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import { RandomStream } from "../../packages/core/dist/index.js";
import * as ort from "../../packages/runtime-node/dist/onnxruntime.js";
import { defaultCacheDir, environmentMnistDir, fillBatch, loadDataset } from "../../packages/scenes/dist/index.js";
import { encodeGraph, encodeLoop, fuse, initialInput, stacked, trace } from "../../packages/tracer/dist/index.js";
import { trainingSessionOptions } from "../../packages/train/dist/engine/session-options.js";
import { adamUpdate, defaultAdam } from "../../packages/train/dist/optimizer/adam.js";
import { adamScalars } from "../../packages/trainer/dist/index.js";

const { values } = parseArgs({
  options: {
    dataset: { type: "string", default: "multi-mnist" },
    epochs: { type: "string", default: "12" },
    seed: { type: "string", default: "0" },
    threads: { type: "string", default: "0" },
    "mnist-dir": { type: "string" },
  },
});
const [epochs, seed, threads] = [values.epochs, values.seed, values.threads].map(Number);
const { train, test } = await loadDataset(values.dataset, {
  mnistDir: values["mnist-dir"] ?? environmentMnistDir(),
  cacheDir: defaultCacheDir(),
});
const { imageSize: side, channels } = train;
const pixels = channels * side ** 2;
const counts = Math.max(...train.counts, ...test.counts) + 1;

const found = Array.from({ length: test.size }, (_, i) => connectedComponents(test.images.subarray(i * pixels)));
report("connected components", found);
if (epochs > 0) await learn();

/** Number of 8-connected components of the pixels that are not black in some channel. */
function connectedComponents(image) {
  const ink = Uint8Array.from({ length: side ** 2 }, (_, k) => {
    for (let c = 0; c < channels; c++) if (image[c * side ** 2 + k] > 0) return 1;
    return 0;
  });
  let components = 0;
  for (let k = 0; k < ink.length; k++) {
    if (ink[k] === 0) continue;
    components++;
    ink[k] = 0;
    const open = [k];
    while (open.length > 0) {
      const at = open.pop();
      const [x, y] = [at % side, Math.floor(at / side)];
      for (let v = Math.max(0, y - 1); v <= Math.min(side - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(side - 1, x + 1); u++) {
          if (ink[v * side + u] === 0) continue;
          ink[v * side + u] = 0;
          open.push(v * side + u);
        }
      }
    }
  }
  return components;
}

/** Prints the share of right counts, and of each true count. */
function report(what, found) {
  const right = (i) => found[i] === test.counts[i];
  const share = (indices) => `${((100 * indices.filter(right).length) / indices.length).toFixed(2)} %`;
  const all = [...found.keys()];
  const byCount = [...new Set(test.counts)]
    .sort((a, b) => a - b)
    .map((n) => `${n}: ${share(all.filter((i) => test.counts[i] === n))}`);
  console.log(`${values.dataset}, ${test.size} test images, ${what}: ${share(all)} (${byCount.join(", ")})`);
}

/** Fits the network to the counts of the training images, and counts the test images after each epoch. */
async function learn() {
  const batch = 64;
  const stepsOfRun = 20;
  const widths = [channels, 24, 48, 96];
  const shapes = {
    ...Object.fromEntries(
      [1, 2, 3].flatMap((layer) => [
        [`conv${layer}.weight`, [16 * widths[layer - 1], widths[layer]]],
        [`conv${layer}.bias`, [widths[layer]]],
      ]),
    ),
    "hidden.weight": [widths[3], 128],
    "hidden.bias": [128],
    "counts.weight": [128, counts],
    "counts.bias": [counts],
  };
  const names = Object.keys(shapes);
  const parts = ["parameters", "firstMoment", "secondMoment"];

  /** Log-odds of the counts of images `[B, S, S, C]`, `[B, counts]`. */
  const network = (p, image) => {
    const dense = (x, layer) => tf.add(tf.matMul(x, p[`${layer}.weight`]), p[`${layer}.bias`]);
    // Windows of 4x4 pixels, 2 apart, as rows of one matrix product: on a CPU its gradients are faster than a convolution's.
    const convolved = (x, layer) => {
      const [size, height, , depth] = x.shape;
      const even = height + (height % 2);
      const half = even / 2;
      const padded = tf.pad(x, [
        [0, 0],
        [0, even - height],
        [0, even - height],
        [0, 0],
      ]);
      const blocks = tf.transpose(tf.reshape(padded, [size, half, 2, half, 2 * depth]), [0, 1, 3, 2, 4]);
      const pairs = tf.reshape(blocks, [size, half, half, 4 * depth]);
      const shifted = [0, 1].flatMap((row) =>
        [0, 1].map((column) => tf.slice(pairs, [0, row, column, 0], [size, half - 1, half - 1, 4 * depth])),
      );
      const windows = tf.reshape(tf.concat(shifted, 3), [size * (half - 1) ** 2, 16 * depth]);
      return tf.reshape(tf.relu(dense(windows, layer)), [size, half - 1, half - 1, -1]);
    };
    const features = convolved(convolved(convolved(image, "conv1"), "conv2"), "conv3");
    return dense(tf.relu(dense(tf.mean(features, [1, 2]), "hidden")), "counts");
  };
  const loss = (p, image, truth) => tf.neg(tf.mean(tf.sum(tf.mul(truth, tf.logSoftmax(network(p, image))), 1)));

  const numberOf = (name) => shapes[name].reduce((product, size) => product * size, 1);
  const state = Object.fromEntries(
    parts.flatMap((part) => names.map((name) => [`${part}/${name}`, { shape: shapes[name] }])),
  );
  const step = trace(
    ({ image, truth, stepSize, rootCorrection, ...inputs }) => {
      const partOf = (part) => Object.fromEntries(names.map((name) => [name, inputs[`${part}/${name}`]]));
      const parameters = partOf("parameters");
      const gradientsOf = tf.valueAndGrads((...tensors) =>
        loss(Object.fromEntries(names.map((name, i) => [name, tensors[i]])), image, truth),
      );
      const { value, grads } = gradientsOf(Object.values(parameters));
      const gradients = Object.fromEntries(names.map((name, i) => [name, grads[i]]));
      const next = adamUpdate(
        { parameters, firstMoment: partOf("firstMoment"), secondMoment: partOf("secondMoment"), gradients },
        { stepSize, rootCorrection },
      );
      return {
        loss: value,
        ...Object.fromEntries(parts.flatMap((part) => names.map((name) => [`next/${part}/${name}`, next[part][name]]))),
      };
    },
    {
      inputs: {
        ...state,
        image: { shape: [batch, side, side, channels] },
        truth: { shape: [batch, counts] },
        stepSize: { shape: [] },
        rootCorrection: { shape: [] },
      },
    },
  );
  const options = trainingSessionOptions(threads);
  const loop = encodeLoop(fuse(step), {
    state: Object.fromEntries(Object.keys(state).map((name) => [name, `next/${name}`])),
    perStep: ["image", "truth", "stepSize", "rootCorrection"],
    collect: ["loss"],
  });
  const training = await ort.InferenceSession.create(loop, options);
  const inference = await ort.InferenceSession.create(
    encodeGraph(
      trace(({ image, ...p }) => ({ logits: network(p, image) }), {
        inputs: {
          image: { shape: ["batch", side, side, channels] },
          ...Object.fromEntries(names.map((name) => [name, { shape: shapes[name] }])),
        },
      }),
    ),
    options,
  );

  let current = Object.fromEntries(
    Object.entries(state).map(([key, { shape }]) => {
      const name = key.slice(key.indexOf("/") + 1);
      const data = new Float32Array(numberOf(name));
      if (key.startsWith("parameters/") && name.endsWith(".weight")) {
        new RandomStream(seed, 1, names.indexOf(name)).fillNormal(data);
        const std = Math.sqrt(2 / shape.slice(0, -1).reduce((product, size) => product * size, 1));
        for (let i = 0; i < data.length; i++) data[i] *= std;
      }
      return [key, new ort.Tensor("float32", data, shape)];
    }),
  );

  const steps = Math.floor(train.size / batch / stepsOfRun) * stepsOfRun;
  const totalSteps = epochs * steps;
  const planes = new Float32Array(pixels);
  const began = performance.now();
  for (let epoch = 0; epoch < epochs; epoch++) {
    const random = new RandomStream(seed, 2, epoch);
    const order = Uint32Array.from({ length: train.size }, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    let sumOfLosses = 0;
    for (let first = 0; first < steps; first += stepsOfRun) {
      const size = stepsOfRun * batch;
      const images = new Float32Array(size * pixels);
      const truth = new Float32Array(size * counts);
      for (let i = 0; i < size; i++) {
        const index = order[first * batch + i];
        fillBatch(train, [index], planes);
        // An image has as many objects mirrored or turned as it has upright.
        writeTurned(planes, images.subarray(i * pixels, (i + 1) * pixels), random.integer(8));
        truth[i * counts + train.counts[index]] = 1;
      }
      const scalars = Array.from({ length: stepsOfRun }, (_, i) => {
        const done = epoch * steps + first + i;
        // From 2e-3 down to 0 along half a cosine.
        const rate = 1e-3 * (1 + Math.cos((Math.PI * done) / totalSteps));
        return adamScalars(done + 1, rate, defaultAdam);
      });
      const results = await training.run({
        ...Object.fromEntries(Object.entries(current).map(([name, tensor]) => [initialInput(name), tensor])),
        [stacked("image")]: new ort.Tensor("float32", images, [stepsOfRun, batch, side, side, channels]),
        [stacked("truth")]: new ort.Tensor("float32", truth, [stepsOfRun, batch, counts]),
        [stacked("stepSize")]: new ort.Tensor(
          "float32",
          scalars.map(({ stepSize }) => stepSize),
          [stepsOfRun],
        ),
        [stacked("rootCorrection")]: new ort.Tensor(
          "float32",
          scalars.map(({ rootCorrection }) => rootCorrection),
          [stepsOfRun],
        ),
      });
      current = Object.fromEntries(Object.keys(state).map((name) => [name, results[`next/${name}`]]));
      sumOfLosses += results.loss.data.reduce((sum, value) => sum + value, 0);
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const what = `supervised network, seed ${seed}, epoch ${epoch + 1}, loss ${(sumOfLosses / steps).toFixed(5)}, ${seconds} s`;
    report(what, await countBy(inference));
  }
  await training.release();
  await inference.release();

  /** The counts of the test images by the current parameters. */
  async function countBy(session) {
    const found = [];
    const feeds = Object.fromEntries(names.map((name) => [name, current[`parameters/${name}`]]));
    for (let start = 0; start < test.size; start += 250) {
      const size = Math.min(250, test.size - start);
      const images = new Float32Array(size * pixels);
      for (let i = 0; i < size; i++) {
        fillBatch(test, [start + i], planes);
        writeTurned(planes, images.subarray(i * pixels, (i + 1) * pixels), 0);
      }
      const image = new ort.Tensor("float32", images, [size, side, side, channels]);
      const { logits } = await session.run({ image, ...feeds });
      for (let i = 0; i < size; i++) {
        const row = logits.data.subarray(i * counts, (i + 1) * counts);
        found.push(row.indexOf(Math.max(...row)));
      }
    }
    return found;
  }
}

/**
 * Writes planes `[C, S, S]` as `[S, S, C]`, by one of the eight symmetries of a square.
 *
 * @param symmetry bit 0 mirrors left and right, bit 1 up and down, bit 2 exchanges rows and columns
 */
function writeTurned(planes, target, symmetry) {
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [a, b] = symmetry & 4 ? [x, y] : [y, x];
      const from = (symmetry & 2 ? side - 1 - a : a) * side + (symmetry & 1 ? side - 1 - b : b);
      for (let c = 0; c < channels; c++) target[(y * side + x) * channels + c] = planes[c * side ** 2 + from];
    }
  }
}
