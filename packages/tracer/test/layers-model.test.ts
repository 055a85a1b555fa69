/** Exported LayersModels predict what they predict in tfjs, and still work in tfjs afterwards. */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, test } from "vitest";
import { decodeModel, encodeGraph, traceLayersModel } from "../src/index.js";
import { float, runModel } from "./run-model.js";

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

const layers: Record<string, { shape: number[]; layers: () => tf.layers.Layer[] }> = {
  "a perceptron": {
    shape: [4],
    layers: () => [
      tf.layers.dense({ units: 5, activation: "tanh", inputShape: [4] }),
      tf.layers.dense({ units: 3, activation: "softmax" }),
    ],
  },
  "a convolutional network": {
    shape: [8, 8, 2],
    layers: () => [
      tf.layers.conv2d({ filters: 4, kernelSize: 3, activation: "relu", inputShape: [8, 8, 2] }),
      tf.layers.batchNormalization(),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.depthwiseConv2d({ kernelSize: 2, padding: "same" }),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dropout({ rate: 0.5 }),
      tf.layers.dense({ units: 2, activation: "sigmoid" }),
    ],
  },
  "an LSTM classifier": {
    shape: [6, 3],
    layers: () => [
      tf.layers.lstm({ units: 4, inputShape: [6, 3] }),
      tf.layers.dense({ units: 2, activation: "softmax" }),
    ],
  },
  "a bidirectional GRU": {
    shape: [5, 2],
    layers: () => [
      tf.layers.bidirectional({
        layer: tf.layers.gru({ units: 3, returnSequences: true }) as tf.RNN,
        mergeMode: "concat",
        inputShape: [5, 2],
      }),
      tf.layers.layerNormalization(),
      tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 1 }) }),
    ],
  },
  "an embedding": {
    shape: [4],
    layers: () => [
      tf.layers.embedding({ inputDim: 7, outputDim: 3, inputShape: [4] }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 2, activation: "elu" }),
    ],
  },
};

test.each(Object.entries(layers))("%s", async (_, { shape, layers: make }) => {
  const model = tf.sequential({ layers: make() });
  const before = tf.memory().numTensors;
  const bytes = encodeGraph(traceLayersModel(model));
  expect(tf.memory().numTensors).toBe(before);

  const { graph } = decodeModel(bytes);
  const [input, output] = [graph.input[0]!.name, graph.output[0]!.name];
  expect(input).toBe(`${model.layers[0]!.name}_input`);
  expect(output).toBe(model.layers.at(-1)!.name);
  const initializers = graph.initializer.map(({ name }) => name);
  for (const weight of model.weights) expect(initializers).toContain((weight.read() as tf.Variable).name);

  for (const batch of [1, 3]) {
    const data = Array.from({ length: batch * shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.abs(Math.sin(i)) * 6);
    const results = await runModel(bytes, { [input]: float([batch, ...shape], data) });
    const ours = results[output]!;
    const prediction = model.predict(tf.tensor(data, [batch, ...shape])) as tf.Tensor;
    expect(ours.dims).toEqual(prediction.shape);
    const theirs = prediction.dataSync();
    expect(Math.max(...Array.from(ours.data as Float32Array, (each, i) => Math.abs(each - theirs[i]!)))).toBeLessThan(
      1e-5,
    );
  }
  model.dispose();
});

test("several inputs and outputs keep their names", async () => {
  const [a, b] = ["left", "right"].map((name) => tf.input({ shape: [2], name })) as [
    tf.SymbolicTensor,
    tf.SymbolicTensor,
  ];
  const sum = tf.layers.add({ name: "sum" }).apply([a, b]) as tf.SymbolicTensor;
  const product = tf.layers.multiply({ name: "product" }).apply([a, b]) as tf.SymbolicTensor;
  const model = tf.model({ inputs: [a, b], outputs: [sum, product] });
  const results = await runModel(encodeGraph(traceLayersModel(model)), {
    left: float([1, 2], [2, 3]),
    right: float([1, 2], [4, 5]),
  });
  expect(Array.from(results.sum!.data as Float32Array)).toEqual([6, 8]);
  expect(Array.from(results.product!.data as Float32Array)).toEqual([8, 15]);
});

test("a model with an open dimension besides the batch is refused by name", () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [null, 3] })] });
  expect(() => traceLayersModel(model)).toThrow(/leaves dimension 1 open/);
});
