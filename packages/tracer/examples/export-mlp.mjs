/** Fits a small perceptron to tell points inside a circle from points outside, and exports it to ONNX. */
import * as tf from "@tensorflow/tfjs";
import { exportAndCompare } from "./compare.mjs";

tf.enableProdMode();
await tf.setBackend("cpu");

const model = tf.sequential({
  layers: [
    tf.layers.dense({ units: 16, activation: "relu", inputShape: [2] }),
    tf.layers.dense({ units: 2, activation: "softmax" }),
  ],
});
model.compile({ optimizer: tf.train.adam(0.02), loss: "categoricalCrossentropy", metrics: ["accuracy"] });

const points = tf.randomUniform([512, 2], -1, 1, "float32", 7);
const inside = tf.less(tf.sum(tf.square(points), 1), 0.6);
const { history } = await model.fit(points, tf.oneHot(tf.cast(inside, "int32"), 2), { epochs: 8, verbose: 0 });
console.log(`accuracy on its training points: ${(100 * history.acc.at(-1)).toFixed(1)} %`);

await exportAndCompare(model, points, process.argv[2] ?? "exported", "mlp");
