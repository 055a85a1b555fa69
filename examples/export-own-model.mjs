// Exports a run of your own as a model folder, and proves that the exported graphs compute what was trained.
//
//   node examples/export-own-model.mjs [run folder] [model folder]
import { exportRun, ParityError, paritySentence } from "@air-onnx/export";

const [run = "runs/from-code", out = "models/from-code"] = process.argv.slice(2);

try {
  const { directory, measurement, parity } = await exportRun(run, {
    out,
    name: "from-code", // What config.json and the model card call it.
    weights: "float16", // Halves the files. The graphs still compute in float32.
    images: 100, // Held-out images on which every output is compared with TensorFlow.js.
    notify: (line) => console.error(line),
  });
  console.log(paritySentence(parity));
  console.log(
    `${directory}: ${(100 * measurement.countAccuracyMap).toFixed(1)} % of the held-out images counted right`,
  );
} catch (error) {
  // Nothing was written: a model that computes something else than what was trained is worse than none.
  if (!(error instanceof ParityError)) throw error;
  const far = error.report.rows.filter(({ within }) => !within);
  console.error(error.message, far);
  process.exitCode = 1;
}
