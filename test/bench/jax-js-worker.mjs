/**
 * Training Attend-Infer-Repeat in jax-js (@jax-js/jax) on WebAssembly in Node: a competitor of training.mjs. Model,
 * objective and update are those of jax_train.py, and one jitted function computes a step. Parameters, images and noise are
 * air-onnx's, so the losses are, too. It answers one line of JSON on standard output to each on standard input, as
 * training-worker.mjs does:
 *   {"steps": 2}  ->  {"wall": ms a step, "cpu": ms a step, "rss": bytes, "loss": mean of the steps}
 *   {"products": true}  ->  {"work": operations of a step's matrix products, "peak": GFLOP/s of a large one}
 *
 * jax-js frees an array when a function has taken it as an argument; `.ref` keeps it for one more use. In Node, which has no
 * global Worker, it has one thread.
 *
 *   node jax-js-worker.mjs <folder whose node_modules has @jax-js/jax> <file of 50x50 bytes an image> <batch size>
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Batches, initialState, parseTrainConfig } from "../../packages/train/dist/index.js";

const [folder, imagesFile, batchSize] = process.argv.slice(2);
const B = Number(batchSize);
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const require = createRequire(resolve(folder, "package.json"));
let jax;
try {
  jax = require("@jax-js/jax");
} catch (cause) {
  say({ unavailable: `${folder} has no @jax-js/jax: ${cause.message.split("\n")[0]}` });
  process.exit(0);
}
const { numpy: np, nn, jit, valueAndGrad, makeJaxpr } = jax;
const { version } = JSON.parse(readFileSync(resolve(folder, "node_modules/@jax-js/jax/package.json"), "utf8"));
await jax.init("wasm");
jax.defaultDevice("wasm");

const [S, O, T, Z, STD, PRESENCE] = [50, 28, 3, 50, 0.3, 0.01];
const [CLIP_NORM, BETA1, BETA2, EPSILON] = [10, 0.9, 0.999, 1e-8];

const constant = (values, shape) => np.array(Float32Array.from(values)).reshape(shape);

const dense = (p, name, x) => np.matmul(x, p[`${name}_kernel`].ref).add(p[`${name}_bias`].ref);
const perceptron = (p, name, x) => dense(p, `${name}.output`, nn.relu(dense(p, `${name}.hidden`, x)));

/** Weights of linear interpolation along one axis, [N, size, source]: the output at u is the source at scale·u + shift. */
function hatWeights(scale, shift, size, source) {
  const u = constant(
    Array.from({ length: size }, (_, i) => (2 * i + 1) / size - 1),
    [1, size],
  );
  const positions = scale
    .mul(u)
    .add(shift)
    .mul(source / 2)
    .add((source - 1) / 2);
  const pixels = constant(new Array(source).keys(), [1, 1, source]);
  const distance = positions.reshape([-1, size, 1]).sub(pixels);
  return nn.relu(np.subtract(1, np.abs(distance)));
}

/** [N, K, K] to [N, size, size] at scale·u + (x, y), each [N, 1]. */
function resample(source, scale, x, y, size) {
  const side = source.shape.at(-1);
  const columns = hatWeights(scale.ref, x, size, side);
  const rows = hatWeights(scale, y, size, side);
  return np.matmul(rows, np.matmul(source, np.swapaxes(columns, 1, 2)));
}

const kl = (mean, std) => np.square(mean).add(np.square(std.ref)).sub(np.log(std).mul(2)).sub(1).sum(-1).mul(0.5);

function logLikelihood(residual) {
  const pixels = S * S * (Math.log(STD) + 0.5 * Math.log(2 * Math.PI));
  return np
    .square(residual)
    .sum([1, 2])
    .mul(-0.5 / STD ** 2)
    .sub(pixels);
}

function lstm(gates, cell) {
  const [admit, keep, candidate, output] = np.split(gates, 4, 1);
  const added = nn.sigmoid(admit).mul(np.tanh(candidate));
  const next = cell === undefined ? added : nn.sigmoid(keep).mul(cell).add(added);
  if (cell === undefined) keep.dispose();
  return [nn.sigmoid(output).mul(np.tanh(next.ref)), next];
}

/** The loss of a batch of images [B, S, S], nats an image. The noise is [T, B, 3] and [T, B, Z]. */
function negativeElbo(p, image, noiseWhere, noiseWhat) {
  const whereMean = constant([3, 0, 0], [1, 3]);
  const whereStd = constant([0.2, 1, 1], [1, 3]);
  const epsWhere = np.unstack(noiseWhere, 0);
  const epsWhat = np.unstack(noiseWhat, 0);
  const imageGates = np.matmul(image.ref.reshape([B, S * S]), p["lstm.image_kernel"].ref).add(p["lstm.bias"].ref);
  const [logits, divergences, wheres, whats] = [[], [], [], []];
  let [hidden, cell, where, what] = [];
  for (let t = 0; t < T; t++) {
    const latents =
      t === 0
        ? constant([...new Array(3 + Z).fill(0), 1], [1, 3 + Z + 1])
        : np.concatenate([where.ref, what, np.ones([B, 1])], 1);
    let gates = imageGates.ref.add(np.matmul(latents, p["lstm.latent_kernel"].ref));
    if (t > 0) gates = gates.add(np.matmul(hidden, p["lstm.recurrent_kernel"].ref));
    [hidden, cell] = lstm(gates, cell);
    const [logit, rawMean, rawStd] = np.split(perceptron(p, "predictor", hidden.ref), [1, 4], 1);
    const unitStd = nn.softplus(rawStd);
    where = rawMean.ref.add(whereMean.ref).add(unitStd.ref.mul(whereStd.ref).mul(epsWhere[t]));
    const [scale, x, y] = np.split(where.ref, 3, 1);
    const inverse = np.reciprocal(scale);
    const shiftX = np.negative(x).mul(inverse.ref);
    const shiftY = np.negative(y).mul(inverse.ref);
    const glimpse = resample(image.ref, inverse, shiftX, shiftY, O).reshape([B, O * O]);
    const [whatMean, rawWhatStd] = np.split(perceptron(p, "encoder", glimpse), 2, 1);
    const whatStd = nn.softplus(rawWhatStd);
    what = whatMean.ref.add(whatStd.ref.mul(epsWhat[t]));
    logits.push(logit.reshape([B]));
    divergences.push(kl(rawMean.div(whereStd.ref), unitStd).add(kl(whatMean, whatStd)));
    wheres.push(where.ref);
    whats.push(what.ref);
  }
  const patches = nn.sigmoid(perceptron(p, "decoder", np.concatenate(whats)).sub(2)).reshape([T * B, O, O]);
  const [scale, x, y] = np.split(np.concatenate(wheres), 3, 1);
  const layers = np.unstack(resample(patches, scale, x, y, S).reshape([T, B, S, S]), 0);

  // Sums over the first n steps, for each count n.
  let [logPresent, divergence, residual] = [np.zeros([B]), np.zeros([B]), image];
  let elbo = np.zeros([B]);
  for (let n = 0; n <= T; n++) {
    const last = n === T;
    const presentNow = last ? undefined : nn.logSigmoid(logits[n].ref);
    const logCount = last ? logPresent.ref : logPresent.ref.add(presentNow.ref.sub(logits[n]));
    const logPrior = n * Math.log(PRESENCE) + (last ? 0 : Math.log(1 - PRESENCE));
    const perCount = logLikelihood(residual.ref).sub(divergence.ref).sub(logCount.ref).add(logPrior);
    elbo = elbo.add(np.exp(logCount).mul(perCount));
    if (last) break;
    logPresent = logPresent.add(presentNow);
    divergence = divergence.add(divergences[n]);
    residual = residual.sub(layers[n]);
  }
  return np.negative(elbo.mean());
}

/** One step: [state, loss]. `stepSize` and `root` are Adam's bias-corrected rate and 1 / √(1 - β2^t). */
const update = jit((state, image, noiseWhere, noiseWhat, stepSize, root) => {
  const [loss, gradients] = valueAndGrad(negativeElbo)(state.p, image, noiseWhere, noiseWhat);
  const names = Object.keys(gradients);
  const square = names.map((name) => np.square(gradients[name].ref).sum()).reduce((a, b) => a.add(b));
  const factor = np.divide(CLIP_NORM, np.maximum(np.sqrt(square), CLIP_NORM));
  const next = { p: {}, m: {}, v: {} };
  for (const name of names) {
    const gradient = gradients[name].mul(factor.ref);
    const m = state.m[name].mul(BETA1).add(gradient.ref.mul(1 - BETA1));
    const v = state.v[name].mul(BETA2).add(np.square(gradient).mul(1 - BETA2));
    const direction = m.ref.div(np.sqrt(v.ref).mul(root.ref).add(EPSILON));
    next.p[name] = state.p[name].sub(direction.mul(stepSize.ref));
    next.m[name] = m;
    next.v[name] = v;
  }
  return [next, loss];
});

const config = parseTrainConfig({
  dataset: "multi-strokes",
  architecture: "reference",
  batchSize: B,
  // PyTorch's and JAX's, so that the losses can be compared.
  optimizer: { learningRate: 1e-3, finalLearningRate: 1e-3, warmupSteps: 0, clipNorm: CLIP_NORM },
});
const images = new Uint8Array(readFileSync(imagesFile));
const batches = new Batches(config, { imageSize: S, channels: 1, images, size: images.length / S ** 2 });
let state = { p: {}, m: {}, v: {} };
for (const [name, { shape, data }] of Object.entries(initialState(config).parameters)) {
  state.p[name] = np.array(data).reshape(shape);
  state.m[name] = np.zeros(shape);
  state.v[name] = np.zeros(shape);
}

let done = 0;
/** Trains so many steps and returns the mean of their losses. */
async function run(steps) {
  let sum = 0;
  for (let k = 0; k < steps; k++) {
    const { images, noise, stepSize, rootCorrection } = batches.next(done, 1);
    const image = np.array(images).reshape([B, S, S]);
    const epsWhere = np.array(noise.epsWhere).reshape([T, B, 3]);
    const epsWhat = np.array(noise.epsWhat).reshape([T, B, Z]);
    let loss;
    [state, loss] = update(state, image, epsWhere, epsWhat, np.array(stepSize[0]), np.array(rootCorrection[0]));
    sum += (await loss.data())[0];
    done++;
  }
  return sum / steps;
}

/** Floating-point operations of the matrix products of a step, forward and backward. */
function matrixWork() {
  const { jaxpr } = makeJaxpr((p, image, epsWhere, epsWhat) => valueAndGrad(negativeElbo)(p, image, epsWhere, epsWhat))(
    Object.fromEntries(Object.entries(state.p).map(([name, { shape }]) => [name, np.zeros(shape)])),
    np.zeros([B, S, S]),
    np.zeros([T, B, 3]),
    np.zeros([T, B, Z]),
  );
  const size = (shape) => shape.reduce((product, side) => product * side, 1);
  return jaxpr.jaxpr.eqns
    .filter(({ primitive }) => primitive === "dot")
    .reduce((work, { inputs, outBinders: [out] }) => work + 2 * size(out.aval.shape) * inputs[0].aval.shape.at(-1), 0);
}

/** GFLOP/s of the fastest run of eight products, as packages/train/src/speed/matmul-peak.ts measures it. */
async function matmulPeak() {
  const products = jit((matrix) => {
    let product = matrix.ref;
    for (let i = 0; i < 8; i++) product = np.matmul(product, matrix.ref);
    matrix.dispose();
    return product.sum();
  });
  let peak = 0;
  for (const size of [128, 256, 512, 1024, 2048, 4096]) {
    const matrix = np.full([size, size], 1 / size);
    const times = [];
    for (let i = 0; i < 4; i++) {
      const began = performance.now();
      await products(matrix.ref).data();
      times.push(performance.now() - began);
    }
    matrix.dispose();
    const least = Math.min(...times.slice(1));
    peak = Math.max(peak, (16 * size ** 3) / least / 1e6);
    if (least > 100) break;
  }
  return peak;
}

say({ loss: await run(1), version: `Node ${process.version}, jax-js ${version}` });
for await (const line of createInterface({ input: process.stdin })) {
  const { steps, products } = JSON.parse(line);
  if (products) {
    say({ work: matrixWork(), peak: await matmulPeak() });
    continue;
  }
  const cpuBegan = process.cpuUsage();
  const wallBegan = performance.now();
  const loss = await run(steps);
  const wall = (performance.now() - wallBegan) / steps;
  const { user, system } = process.cpuUsage(cpuBegan);
  if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
  say({ wall, cpu: (user + system) / 1000 / steps, rss: process.memoryUsage.rss(), loss });
}
