import { type AirConfigInput, type LocalStepNetwork, logCountPrior } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { localImageGates, proposeLocally } from "../../src/model/local.js";
import { pooledPixels } from "../../src/model/seen.js";
import { evaluateScenes } from "../../src/objective/marginal.js";
import { expectClose } from "./close.js";
import { localSteps, normal, tinyConfig, tinyParameters, uniform } from "./tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

const batch = 2;

describe.each<AirConfigInput>([
  { ...localSteps },
  { ...localSteps, channels: 3 },
  {
    ...localSteps,
    imagePooling: 3,
    stepNetwork: { type: "local", kernel: 3, stride: 1, contextKernel: 1, channels: [4, 5] },
  },
  { ...localSteps, stepNetwork: { type: "local", kernel: 5, stride: 3, contextKernel: 3, channels: [4, 5] } },
])("a local step network, %j", (overrides) => {
  const config = tinyConfig(overrides);
  const network = config.stepNetwork as LocalStepNetwork;
  // Biases that are not 0 show a border that is taken for a place.
  const p = Object.fromEntries(
    Object.entries(tinyParameters(config, 3)).map(([name, value], i) => [
      name,
      name.endsWith("bias") ? tf.add(value, tf.mul(normal(value.shape, 50 + i), 0.3)) : value,
    ]),
  );
  const sides = [batch, config.channels, config.imageSize, config.imageSize];
  const [image, remainder] = [uniform(sides, 1), normal(sides, 2)];
  const gates = localImageGates(p, config, network, image);
  const eps = tf.zeros([batch, 3]);
  const places = gates.shape[1]! ** 2;

  /** The values of all places by plain convolutions, [B, places²]. */
  function valueMap(): tf.Tensor {
    const side = config.imageSize / config.imagePooling;
    const planes = (x: tf.Tensor) =>
      tf.transpose(tf.reshape(pooledPixels(config, x), [batch, config.channels, side, side]), [0, 2, 3, 1]);
    const seen = tf.concat([planes(image), planes(remainder)], 3) as tf.Tensor4D;
    const filters = (name: string, kernel: number) => tf.reshape(p[name]!, [kernel, kernel, -1, p[name]!.shape[1]!]);
    const first = tf.concat(
      [filters("detector.image_kernel", network.kernel), filters("detector.remainder_kernel", network.kernel)],
      2,
    ) as tf.Tensor4D;
    const border = (kernel: number): [number, number] => [(kernel - 1) / 2, (kernel - 1) / 2];
    const around = (kernel: number) =>
      [[0, 0], border(kernel), border(kernel), [0, 0]] as [
        [number, number],
        [number, number],
        [number, number],
        [number, number],
      ];
    const hidden = tf.relu(tf.add(tf.conv2d(seen, first, network.stride, around(network.kernel)), p["detector.bias"]!));
    const second = filters("detector.context_kernel", network.contextKernel) as tf.Tensor4D;
    const features = tf.relu(
      tf.add(tf.conv2d(hidden as tf.Tensor4D, second, 1, around(network.contextKernel)), p["detector.context_bias"]!),
    );
    const flat = tf.reshape(features, [batch * places, -1]);
    return tf.reshape(tf.add(tf.matMul(flat, p["detector.value_kernel"]!), p["detector.value_bias"]!), [batch, places]);
  }

  it("reads its features at the chosen place, borders included", () => {
    const map = valueMap();
    for (let place = 0; place < places; place++) {
      const chosen = tf.tile(tf.reshape(tf.oneHot(tf.scalar(place, "int32"), places, 1e6, 0), [1, places]), [batch, 1]);
      const { value } = proposeLocally(p, config, network, image, remainder, gates, eps, tf.cast(chosen, "float32"));
      expectClose(value!, tf.slice(map, [0, place], [batch, 1]).reshape([batch]), 1e-5, `place ${place}`);
    }
  });

  it("chooses the place of the highest value", () => {
    const { value } = proposeLocally(p, config, network, image, remainder, gates, eps, undefined);
    expectClose(value!, tf.max(valueMap(), 1), 1e-5, "value");
  });

  it("centres its windows on the chosen place", () => {
    const plain = {
      ...p,
      "predictor.output_kernel": tf.zerosLike(p["predictor.output_kernel"]!),
      "predictor.output_bias": tf.zeros([7]),
    };
    const side = Math.sqrt(places);
    for (let place = 0; place < places; place++) {
      const chosen = tf.cast(
        tf.tile(tf.reshape(tf.oneHot(tf.scalar(place, "int32"), places, 1e6, 0), [1, places]), [batch, 1]),
        "float32",
      );
      const { zWhere } = proposeLocally(plain, config, network, image, remainder, gates, eps, chosen);
      const [scale, x, y] = (zWhere.sample.arraySync() as number[][])[0]!;
      const centre = (shift: number): number => (config.imageSize / 2) * (1 - shift / scale!);
      const pixel = (index: number): number => (index * network.stride + 0.5) * config.imagePooling;
      expect(centre(x!)).toBeCloseTo(pixel(place % side), 4);
      expect(centre(y!)).toBeCloseTo(pixel(Math.floor(place / side)), 4);
    }
  });
});

it("finds in a larger image what it finds in a part of it", () => {
  const small = tinyConfig({ ...localSteps, imageSize: 12, objectSize: 5 });
  const large = tinyConfig({ ...localSteps, imageSize: 24, objectSize: 5 });
  const p = tinyParameters(small, 9);
  const object = tf.pad(uniform([1, 1, 4, 4], 4) as tf.Tensor4D, [
    [0, 0],
    [0, 0],
    [4, 4],
    [4, 4],
  ]);
  const surrounded = tf.pad(object as tf.Tensor4D, [
    [0, 0],
    [0, 0],
    [6, 6],
    [6, 6],
  ]);
  const explain = (config: typeof small, image: tf.Tensor) => {
    const zeros = { epsWhere: tf.zeros([3, 1, 3]), epsWhat: tf.zeros([3, 1, config.zWhatSize]) };
    return evaluateScenes(p, config, image, zeros, tf.tensor1d(logCountPrior(0.5, 3)));
  };
  // Places are two pixels apart, so a move by six pixels moves them onto each other. An empty image's values are alike,
  // and which of equal ones is the best depends on the image, so only the first step is compared.
  const [a, b] = [explain(small, object), explain(large, surrounded)];
  const pixels = (config: typeof small, zWhere: tf.Tensor): number[] => {
    const [s, x, y] = zWhere.dataSync() as unknown as [number, number, number];
    const half = config.imageSize / 2;
    return [config.imageSize / s, half - (x / s) * half, half - (y / s) * half];
  };
  const [side, left, top] = pixels(small, a.zWhere);
  const [sideLarge, leftLarge, topLarge] = pixels(large, b.zWhere);
  expect(sideLarge).toBeCloseTo(side!, 4);
  expect(leftLarge! - 6).toBeCloseTo(left!, 4);
  expect(topLarge! - 6).toBeCloseTo(top!, 4);
});
