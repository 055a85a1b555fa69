/** A training manifest of the right form, whose files do not exist. */
const file = (path: string) => ({ path, size: 10, sha256: "0".repeat(64) });

export const soundManifest = {
  format: "air-onnx-training",
  formatVersion: 1,
  name: "tiny",
  model: { imageSize: 20, objectSize: 8 },
  normalisation: { scale: 255 },
  opset: 17,
  estimator: "marginal",
  data: { dataset: "multi-strokes", settings: { maxCount: 2 } },
  batchSize: 4,
  steps: 10,
  stages: [
    {
      file: file("training.onnx"),
      begin: 0,
      end: 10,
      maxSteps: 3,
      state: ["parameters", "firstMoment", "secondMoment"].map((part) => ({
        ...{ part, parameter: "w", shape: [2, 3], input: `${part}/w`, output: `${part}/w/after` },
      })),
      perStep: [{ input: "images", shape: [4, 1, 20, 20], holds: "images" }],
      metrics: [{ name: "loss", output: "loss" }],
    },
  ],
  parameters: [{ name: "w", shape: [2, 3], bound: 0.1, of: "model" }],
  schedules: {
    learningRate: { peak: 1e-3, floor: 1e-4, warmupSteps: 4, totalSteps: 10 },
    adam: { beta1: 0.9, beta2: 0.999 },
    presencePrior: { from: 0.01, to: 0.5, steps: 10 },
  },
  evaluation: file("evaluation.onnx"),
  graphs: Object.fromEntries(
    ["encoder", "step", "decoder", "scene"].map((name) => [name, { file: file(`${name}.onnx`), weights: { w: "w" } }]),
  ),
};
