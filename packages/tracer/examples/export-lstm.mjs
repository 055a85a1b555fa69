/** Fits an LSTM to tell rising waves from falling ones, and exports it to ONNX. */
import * as tf from "@tensorflow/tfjs";
import { exportAndCompare } from "./compare.mjs";

tf.enableProdMode();
await tf.setBackend("cpu");

const STEPS = 12;
const model = tf.sequential({
  layers: [tf.layers.lstm({ units: 8, inputShape: [STEPS, 1] }), tf.layers.dense({ units: 1, activation: "sigmoid" })],
});
model.compile({ optimizer: tf.train.adam(0.03), loss: "binaryCrossentropy", metrics: ["accuracy"] });

const slope = tf.randomUniform([128, 1, 1], -1, 1, "float32", 7);
const time = tf.reshape(tf.linspace(-1, 1, STEPS), [1, STEPS, 1]);
const waves = tf.add(tf.mul(slope, time), tf.randomNormal([128, STEPS, 1], 0, 0.1, "float32", 8));
const rising = tf.cast(tf.greater(tf.reshape(slope, [128, 1]), 0), "float32");
const { history } = await model.fit(waves, rising, { epochs: 4, verbose: 0 });
console.log(`accuracy on its training waves: ${(100 * history.acc.at(-1)).toFixed(1)} %`);

await exportAndCompare(model, waves, process.argv[2] ?? "exported", "lstm");
