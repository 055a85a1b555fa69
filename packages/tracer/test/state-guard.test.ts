/** A refused trace changes nothing that outlives it: optimisers, variables and layers go on as if it had not been. */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import { TracedStateError, trace, traceLayersModel } from "../src/index.js";

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

const optimisers: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.1, 0.9),
  nesterov: () => tf.train.momentum(0.1, 0.9, true),
  adagrad: () => tf.train.adagrad(0.1),
  adadelta: () => tf.train.adadelta(0.1),
  adam: () => tf.train.adam(0.1),
  adamax: () => tf.train.adamax(0.1),
  rmsprop: () => tf.train.rmsprop(0.1),
  "centred rmsprop": () => tf.train.rmsprop(0.1, 0.9, 0.5, 1e-7, true),
};

describe.each(Object.entries(optimisers))("%s", (_, make) => {
  const minimize = (optimiser: tf.Optimizer, loss: () => tf.Scalar): tf.Scalar | null => optimiser.minimize(loss, true);
  const apply = (optimiser: tf.Optimizer, loss: () => tf.Scalar): tf.Scalar => {
    const { value, grads } = tf.variableGrads(loss);
    optimiser.applyGradients(grads);
    return value;
  };

  test.each([
    ["at its first step", minimize, 0],
    ["later", minimize, 2],
    ["given gradients", apply, 0],
    ["given gradients later", apply, 2],
  ])("%s", (_, run, before) => {
    /** The weight's values after each of the steps, with or without a refused trace among them. */
    const follow = (traced: boolean): number[][] => {
      const weight = tf.variable(tf.tensor2d([[1], [-2]]));
      const optimiser = make();
      const loss = (x: tf.Tensor): tf.Scalar => tf.mean(tf.square(tf.matMul(x, weight)));
      const step = (): number[] => {
        tf.tidy(
          () =>
            void optimiser.minimize(
              () =>
                loss(
                  tf.tensor2d([
                    [1, 2],
                    [3, 5],
                  ]),
                ),
              false,
              [weight],
            ),
        );
        return [...weight.dataSync()];
      };
      const values: number[][] = [];
      for (let i = 0; i < before; i++) values.push(step());
      if (traced) {
        const tensors = tf.memory().numTensors;
        expect(() =>
          trace(({ x }) => ({ l: run(optimiser, () => loss(x!))! }), { inputs: { x: { shape: ["batch", 2] } } }),
        ).toThrow(TracedStateError);
        expect(tf.memory().numTensors).toBe(tensors);
      }
      for (let i = 0; i < 3; i++) values.push(step());
      weight.dispose();
      optimiser.dispose();
      return values;
    };
    expect(follow(true)).toEqual(follow(false));
  });
});

test("the error names the variable, and says what to do", () => {
  const weight = tf.variable(tf.ones([2]), true, "guarded");
  const assign = (): unknown =>
    trace(({ x }) => ({ y: weight.assign(x as never) as never }), { inputs: { x: { shape: [2] } } });
  expect(assign).toThrow(TracedStateError);
  expect(assign).toThrow(/assigned the variable guarded: make state an input/);
  const make = (): unknown =>
    trace(({ x }) => ({ y: tf.variable(x!, true, "made") }), { inputs: { x: { shape: [2] } } });
  expect(make).toThrow(TracedStateError);
  expect(make).toThrow(/made the variable made of a traced value/);
  expect(() => tf.variable(tf.ones([2]), true, "made").dispose()).not.toThrow();
  weight.dispose();
});

test("a variable made of known numbers is not refused", () => {
  let variable: tf.Variable | undefined;
  trace(
    ({ x }) => {
      variable = tf.variable(tf.tensor1d([1, 2]));
      return { y: tf.add(x!, variable) };
    },
    { inputs: { x: { shape: [2] } } },
  );
  expect([...variable!.dataSync()]).toEqual([1, 2]);
  variable!.dispose();
});

const settings = { units: 2, stateful: true, returnSequences: true, name: "memory" } as const;
const recurrent: Record<string, () => tf.layers.Layer> = {
  "an RNN": () => tf.layers.simpleRNN({ ...settings, batchInputShape: [1, 3, 1] }),
  "a GRU": () => tf.layers.gru({ ...settings, batchInputShape: [1, 3, 1] }),
  "an LSTM": () => tf.layers.lstm({ ...settings, batchInputShape: [1, 3, 1] }),
  "a stack of cells": () =>
    tf.layers.rnn({
      ...settings,
      cell: tf.layers.stackedRNNCells({
        cells: [tf.layers.lstmCell({ units: 2 }), tf.layers.gruCell({ units: 2 })],
      }) as never,
      batchInputShape: [1, 3, 1],
    }),
};

describe.each(Object.entries(recurrent))("%s with a state", (_, make) => {
  const x = tf.tensor3d([1, 2, 3], [1, 3, 1]);
  const nested = (inner: tf.layers.Layer): tf.Sequential =>
    tf.sequential({ layers: [inner, tf.layers.dense({ units: 1 })] });
  const forms: Record<string, () => tf.LayersModel> = {
    "in a model": () => nested(make()),
    "in a model in a model": () => {
      const inner = nested(make());
      return tf.sequential({ layers: [inner as unknown as tf.layers.Layer, tf.layers.dense({ units: 1 })] });
    },
  };

  test.each(Object.entries(forms))("%s is refused by name, and keeps it", (_, form) => {
    const follow = (traced: (() => void) | undefined): number[][] => {
      const model = form();
      const weights = model.getWeights().map((weight) => tf.fill(weight.shape, 0.3));
      model.setWeights(weights);
      const predict = (): number[] => tf.tidy(() => [...(model.predict(x) as tf.Tensor).dataSync()]);
      const values = [predict(), predict()];
      if (traced) {
        expect(() => traceLayersModel(model)).toThrow(TracedStateError);
        expect(() => traceLayersModel(model)).toThrow(/stateful layer memory/);
        const predicted = (): unknown =>
          trace((tensors) => ({ y: model.predict(tensors.x!) as tf.Tensor }), { inputs: { x: { shape: [1, 3, 1] } } });
        expect(predicted).toThrow(/stateful layer memory/);
      }
      values.push(predict());
      model.resetStates();
      values.push(predict());
      model.dispose();
      return values;
    };
    const values = follow(() => undefined);
    expect(values).toEqual(follow(undefined));
    expect(values[0]).not.toEqual(values[1]);
    expect(values[3]).toEqual(values[0]);
  });
});

test.each<[string, number[], () => tf.layers.Layer]>([
  [
    "in both directions",
    [1, 3, 1],
    () => {
      const layer = tf.layers.lstm({ units: 2, stateful: true, returnSequences: true }) as tf.RNN;
      return tf.layers.bidirectional({ layer, mergeMode: "concat", batchInputShape: [1, 3, 1] });
    },
  ],
  [
    "of convolutions",
    [1, 3, 4, 4, 1],
    () => tf.layers.convLstm2d({ filters: 2, kernelSize: 3, stateful: true, batchInputShape: [1, 3, 4, 4, 1] }),
  ],
])("a layer with a state %s is refused too", (_, shape, make) => {
  const model = tf.sequential({ layers: [make()] });
  const predict = (): number[] => tf.tidy(() => [...(model.predict(tf.ones(shape)) as tf.Tensor).dataSync()]);
  predict();
  expect(() => traceLayersModel(model)).toThrow(/stateful layer/);
  expect(predict().every(Number.isFinite)).toBe(true);
  model.dispose();
});

test("tfjs is as it was after a trace, and after a refused one", () => {
  const { assign } = tf.Variable.prototype;
  const { call } = tf.RNN.prototype;
  const { makeVariable } = tf.engine();
  trace(({ x }) => ({ y: tf.exp(x!) }), { inputs: { x: { shape: [2] } } });
  expect(() => trace(() => ({}), { inputs: {} })).toThrow();
  expect(tf.Variable.prototype.assign).toBe(assign);
  expect(tf.RNN.prototype.call).toBe(call);
  expect(tf.engine().makeVariable).toBe(makeVariable);
});
