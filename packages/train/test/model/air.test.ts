import {
  type AirConfigInput,
  boxFromZWhere,
  graphNames,
  graphSignatures,
  stateNames,
  zWhereFromLatent as zWhereOfCore,
} from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { imageGatesOf, inferStep, inferTrajectory } from "../../src/model/air.js";
import { graphFunctions } from "../../src/model/graphs.js";
import { logLikelihood } from "../../src/model/likelihood.js";
import { lstmStep } from "../../src/model/lstm.js";
import { zWhereFromLatent } from "../../src/model/posterior.js";
import { expectClose } from "./close.js";
import { boundedWindows, localSteps, normal, tinyConfig, tinyParameters, uniform } from "./tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

describe.each<AirConfigInput>([
  {},
  { channels: 3 },
  { likelihood: { type: "bernoulli" } },
  { channels: 3, likelihood: { type: "bernoulli", canvas: "clamp", pixelNoise: 0 } },
  { lstmInput: { type: "remainder" } },
  { lstmInput: { type: "image-and-remainder" }, glimpseInput: "remainder", embeddingSize: 5 },
  { channels: 3, imagePooling: 3, embeddingSize: 5, lstmInput: { type: "remainder" } },
  {
    channels: 3,
    lstmInput: { type: "image-and-remainder", convolution: { kernel: 3, stride: 2, channels: [4, 2] } },
  },
  {
    imagePooling: 3,
    lstmInput: { type: "image", convolution: { kernel: 2, stride: 1, channels: [4] } },
    embeddingSize: 5,
  },
  boundedWindows,
  localSteps,
  {
    ...localSteps,
    channels: 3,
    imagePooling: 3,
    where: { type: "bounded", side: [3, 8], spacing: "logarithmic", centre: "free" },
  },
])("with %j", (overrides) => {
  const config = tinyConfig(overrides);
  const { channels } = config;
  const batch = 2;
  const image = [batch, channels, config.imageSize, config.imageSize];

  it("every graph has exactly the inputs and outputs of its signature", () => {
    const graphs = graphFunctions(tinyParameters(config, 1), config);
    const signatures = graphSignatures(config);
    for (const name of graphNames) {
      const { inputs, outputs } = signatures[name];
      const given = Object.entries(inputs).map(([key, shape], i) => [key, normal([batch, ...shape], i)] as const);
      const made = graphs[name](Object.fromEntries(given));
      const shapes = Object.fromEntries(Object.entries(made).map(([key, tensor]) => [key, tensor.shape]));
      expect(shapes).toEqual(
        Object.fromEntries(Object.entries(outputs).map(([key, shape]) => [key, [batch, ...shape]])),
      );
    }
  });

  it("the step graph, run in a loop from zeros, gives the trajectory", () => {
    const p = tinyParameters(config, 2);
    const x = uniform(image, 3);
    const noise = {
      epsWhere: normal([config.maxSteps, batch, 3], 4),
      epsWhat: normal([config.maxSteps, batch, config.zWhatSize], 5),
    };
    const trajectory = inferTrajectory(p, config, x, noise);
    const { encoder, step } = graphFunctions(p, config);
    const encoded = encoder({ image: x });
    expectClose(encoded.log_likelihood!, trajectory.logLikelihood.gather(0), 1e-6, "empty canvas");

    let state: Record<string, tf.Tensor> = Object.fromEntries(
      stateNames(config).map((name) => [name, tf.zeros([batch, ...graphSignatures(config).step.inputs[name]!])]),
    );
    const [epsWhere, epsWhat] = [tf.unstack(noise.epsWhere), tf.unstack(noise.epsWhat)];
    for (let t = 0; t < config.maxSteps; t++) {
      const outputs = step({
        image: x,
        image_gates: encoded.image_gates!,
        eps_where: epsWhere[t]!,
        eps_what: epsWhat[t]!,
        ...state,
      });
      state = Object.fromEntries(Object.keys(state).map((name) => [name, outputs[`next_${name}`]!]));
      const inference = trajectory.steps[t]!;
      const expected: Record<string, tf.Tensor> = {
        ...(inference.memory && { next_hidden: inference.memory.hidden, next_cell: inference.memory.cell }),
        next_z_where: inference.zWhere.sample,
        next_z_what: inference.zWhat.sample,
        next_canvas: trajectory.canvases[t]!,
        presence_logit: trajectory.presenceLogit.gather(t),
        kl_where: trajectory.klWhere.gather(t),
        kl_what: trajectory.klWhat.gather(t),
        log_likelihood: trajectory.logLikelihood.gather(t + 1),
        glimpse: inference.glimpse,
        patch: trajectory.patches[t]!,
      };
      for (const [name, tensor] of Object.entries(expected))
        expectClose(outputs[name]!, tensor, 1e-5, `${name} at ${t}`);
    }
  });

  it("the decoder graph draws present objects and leaves absent ones out", () => {
    const { decoder } = graphFunctions(tinyParameters(config, 1), config);
    const canvas = uniform(image, 1);
    const inputs = {
      canvas,
      z_where: tf.tensor2d([
        [2, 0, 0],
        [2, 0, 0],
      ]),
      z_what: normal([2, config.zWhatSize], 2),
    };
    const drawn = decoder({ ...inputs, presence: tf.tensor1d([1, 0]) }).next_canvas!;
    const change = tf.max(tf.sub(drawn, canvas), [1, 2, 3]).dataSync();
    expect(change[0]).toBeGreaterThan(0.01);
    expect(change[1]).toBe(0);
  });
});

it("the first step equals a step from zeros with presence 1", () => {
  const config = tinyConfig();
  const p = tinyParameters(config, 3);
  const gates = imageGatesOf(p, config, uniform([2, 1, 9, 9], 1));
  const zeros = (size: number): tf.Tensor => tf.zeros([2, size]);
  const fromZeros = lstmStep(p, gates, {
    hidden: zeros(config.lstmSize),
    cell: zeros(config.lstmSize),
    zWhere: zeros(3),
    zWhat: zeros(config.zWhatSize),
    presence: tf.ones([2, 1]),
  });
  const first = lstmStep(p, gates, undefined);
  expectClose(first.hidden, fromZeros.hidden, 1e-6, "hidden");
  expectClose(first.cell, fromZeros.cell, 1e-6, "cell");
});

it("a convolution has the same weights at every place of its kernel, and ignores pixels outside all places", () => {
  // The kernel starts at pixels 0, 3 and 6 along both sides. The embedding passes the channels on.
  const config = tinyConfig({
    lstmInput: { type: "image", convolution: { kernel: 2, stride: 3, channels: [3, 2] } },
  });
  const p = {
    ...tinyParameters(config, 1),
    "lstm.image_kernel": tf.tidy(() => tf.eye(9 * 2, 4 * config.lstmSize)),
    "lstm.bias": tf.zeros([4 * config.lstmSize]),
  };
  const square = uniform([2, 2], 2).arraySync() as number[][];
  const places = (top: number, left: number): number[] => {
    const image = tf.buffer([1, 1, 9, 9]);
    square.forEach((row, i) => {
      for (const [j, value] of row.entries()) image.set(value, 0, 0, top + i, left + j);
    });
    return [...imageGatesOf(p, config, image.toTensor()).dataSync()].slice(0, 18);
  };
  const nothing = places(2, 2).slice(2, 4);
  const [first, second] = [places(0, 0), places(3, 6)];
  expect(first.slice(0, 2)).not.toEqual(nothing);
  expect(second.slice(10, 12)).toEqual(first.slice(0, 2));
  expect(second.slice(0, 2)).toEqual(nothing);
  // The kernel does not reach the last row and column of the image.
  expect(places(8 - 1, 8 - 1).slice(0, 16)).toEqual(new Array(8).fill(nothing).flat());
});

it("the recurrent network sees the scaled means of squares of pixels, for each channel separately", () => {
  const config = tinyConfig({ channels: 2, imagePooling: 3 });
  const kernel = tf.tidy(() => tf.eye(2 * 3 * 3, 4 * config.lstmSize));
  const p = { ...tinyParameters(config, 1), "lstm.image_kernel": kernel, "lstm.bias": tf.zeros([4 * config.lstmSize]) };
  const image = uniform([1, 2, 9, 9], 2);
  const gates = imageGatesOf(p, config, image);
  // The factor 3 gives the mean of 9 independent pixels the standard deviation of one.
  const square = 3 * tf.mean(tf.slice(image, [0, 1, 3, 6], [1, 1, 3, 3])).dataSync()[0]!;
  // The square is in channel 1, in the second row and third column of squares.
  expect(gates.dataSync()[9 + 3 + 2]).toBeCloseTo(square, 6);
});

it("the recurrent network sees the remainder: nothing, where the canvas equals the image", () => {
  for (const sizes of [{}, { imagePooling: 3, embeddingSize: 5 }]) {
    const config = tinyConfig({ ...sizes, lstmInput: { type: "remainder" } });
    const p = tinyParameters(config, 5);
    const image = uniform([2, 1, 9, 9], 6);
    const noise = { epsWhere: tf.zeros([2, 3]), epsWhat: tf.zeros([2, config.zWhatSize]) };
    const hidden = (x: tf.Tensor, canvas: tf.Tensor | undefined): tf.Tensor =>
      inferStep(p, config, x, imageGatesOf(p, config, x), undefined, canvas, noise).memory!.hidden;
    const black = tf.zerosLike(image);
    expectClose(hidden(image, image), hidden(black, undefined), 1e-6, "all drawn");
    expectClose(hidden(image, black), hidden(image, undefined), 1e-6, "nothing drawn");
    const half = tf.mul(image, 0.5);
    expectClose(hidden(image, half), hidden(half, undefined), 1e-6, "half drawn");
  }
});

it("no gradient flows through the remainder to earlier steps, if steps see both image and remainder", () => {
  const config = tinyConfig({ lstmInput: { type: "image-and-remainder" }, glimpseInput: "remainder", maxSteps: 2 });
  const p = tinyParameters(config, 5);
  const image = uniform([2, 1, 9, 9], 6);
  const noise = { epsWhere: tf.zeros([2, 2, 3]), epsWhat: tf.zeros([2, 2, config.zWhatSize]) };
  const secondGlimpse = (bias: tf.Tensor): tf.Tensor =>
    tf.sum(inferTrajectory({ ...p, "decoder.output_bias": bias }, config, image, noise).steps[1]!.glimpse);
  const bias = p["decoder.output_bias"]!;
  const brighter = secondGlimpse(tf.add(bias, 3)).dataSync()[0]!;
  expect(brighter).toBeLessThan(secondGlimpse(bias).dataSync()[0]! - 0.1);
  const slope = tf.grad((b: tf.Tensor) => tf.add(secondGlimpse(b), tf.mul(tf.sum(b), 0)))(bias);
  expect(Math.max(...slope.dataSync().map(Math.abs))).toBe(0);
});

it("an untrained model has windows near the prior's mean and draws nearly black patches", () => {
  const config = tinyConfig();
  const p = tinyParameters(config, 4);
  const noise = { epsWhere: tf.zeros([3, 4, 3]), epsWhat: tf.zeros([3, 4, config.zWhatSize]) };
  const { steps, patches } = inferTrajectory(p, config, uniform([4, 1, 9, 9], 1), noise);
  for (const scale of tf.split(steps[0]!.zWhere.mean, 3, 1)[0]!.dataSync()) expect(Math.abs(scale - 3)).toBeLessThan(1);
  expect(tf.mean(patches[0]!).dataSync()[0]).toBeLessThan(0.2);
});

it("an untrained model with bounded windows has windows of medium size near the centre", () => {
  const config = tinyConfig(boundedWindows);
  const noise = { epsWhere: tf.zeros([3, 4, 3]), epsWhat: tf.zeros([3, 4, config.zWhatSize]) };
  const { steps } = inferTrajectory(tinyParameters(config, 4), config, uniform([4, 1, 9, 9], 1), noise);
  for (const zWhere of steps[0]!.zWhere.sample.arraySync() as [number, number, number][]) {
    const { xmin, xmax, ymin, ymax } = boxFromZWhere(zWhere, config.imageSize);
    expect(Math.abs(xmax - xmin - 5.5)).toBeLessThan(1.5);
    expect(Math.abs((xmin + xmax) / 2 - 4.5)).toBeLessThan(2);
    expect(Math.abs((ymin + ymax) / 2 - 4.5)).toBeLessThan(2);
  }
});

it("zWhereFromLatent gives the windows of its namesake in core", () => {
  for (const config of [tinyConfig(), tinyConfig(boundedWindows)]) {
    const latents = normal([5, 3], 1);
    const expected = (latents.arraySync() as [number, number, number][]).map((each) => [...zWhereOfCore(config, each)]);
    expectClose(zWhereFromLatent(config, latents), tf.tensor2d(expected), 1e-6, "z_where");
  }
});

it("a perfect canvas has the highest likelihood", () => {
  const config = tinyConfig();
  const image = uniform([1, 1, 9, 9], 1);
  const perfect = logLikelihood(config, image, image).dataSync()[0]!;
  expect(perfect).toBeCloseTo(-81 * (Math.log(0.3) + 0.5 * Math.log(2 * Math.PI)), 3);
  expect(logLikelihood(config, image, undefined).dataSync()[0]).toBeLessThan(perfect);
});

it("a graph's missing input is named", () => {
  const config = tinyConfig();
  expect(() => graphFunctions(tinyParameters(config, 1), config).encoder({})).toThrow("input image is missing");
});
