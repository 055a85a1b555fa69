// Says how many objects a PNG image has and where: what `air-onnx infer` does, from a program.
//
//   node examples/infer-file.mjs [image.png] [model folder]
import { fileURLToPath } from "node:url";
import { AirModel } from "@air-onnx/runtime-node";
import { readPng } from "@air-onnx/scenes";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [image = here("two-digits.png"), folder = here("../models/multi-mnist")] = process.argv.slice(2);

// Reads config.json and three ONNX graphs, and refuses any that is not as config.json says.
const model = await AirModel.fromPretrained(folder);
try {
  // { data, width, height, channels }. An image of another size than the model's is an error: resizing is your choice.
  const [scene] = await model.infer(readPng(image));
  const certainty = scene.countProbabilities[scene.count];
  console.log(`${scene.count} objects, with probability ${certainty.toFixed(3)}`);
  for (const { tightBox, presence } of scene.objects) {
    // Pixels from the top left corner.
    const { xmin, ymin, xmax, ymax } = tightBox;
    console.log(`  x ${xmin} to ${xmax}, y ${ymin} to ${ymax}, there with probability ${presence.toFixed(3)}`);
  }
} finally {
  await model.dispose(); // onnxruntime's memory and threads, which the garbage collector does not see.
}
