/** Exports a tfjs LayersModel, runs the file in onnxruntime, and compares it with model.predict. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeGraph, traceLayersModel } from "@air-onnx/tracer";
import * as ort from "onnxruntime-node";

/**
 * @param model a tfjs LayersModel with one input and one output
 * @param inputs a tensor of examples for it
 * @param folder where `<name>.onnx` goes
 */
export async function exportAndCompare(model, inputs, folder, name) {
  const bytes = encodeGraph(traceLayersModel(model), { name });
  const path = join(folder, `${name}.onnx`);
  await mkdir(folder, { recursive: true });
  await writeFile(`${path}.part`, bytes);
  await rename(`${path}.part`, path);

  const session = await ort.InferenceSession.create(path);
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", await inputs.data(), inputs.shape) };
  const ours = (await session.run(feeds))[session.outputNames[0]];
  const theirs = await model.predict(inputs).data();
  await session.release();

  const difference = Math.max(...ours.data.map((value, i) => Math.abs(value - theirs[i])));
  console.log(`${path}: ${bytes.length} bytes, differs from tfjs by at most ${difference.toExponential(1)}`);
  if (!(difference < 1e-5)) throw new Error(`${name}: onnxruntime and tfjs disagree`);
}
