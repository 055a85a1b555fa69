// Counts and locates the objects of an image file by transformers.js, with one graph: onnx/scene.onnx. What it says: docs/format.md.
//
//   npm install @huggingface/transformers
//   node examples/scene-with-transformers.mjs [folder of models] [model] [image file]
import { AutoModel, env, PretrainedConfig, RawImage, Tensor } from "@huggingface/transformers";

const [models = "models/", name = "multi-mnist", file = "examples/two-digits.png"] = process.argv.slice(2);
env.localModelPath = models; // Without it, a model on the hub: org/name.
const config = new PretrainedConfig({ model_type: "custom" });
const model = await AutoModel.from_pretrained(name, { config, model_file_name: "scene", dtype: "fp32" });
const { data, width, height } = (await RawImage.read(file)).grayscale();
const intensities = Float32Array.from(data, (byte) => byte / 255);
const image = new Tensor("float32", intensities, [1, 1, height, width]);
const { count, tight_box: boxes, score } = await model({ image });
const found = boxes.tolist()[0].slice(0, count.data[0]);
console.log(`${found.length} objects`);
for (const [i, box] of found.entries()) console.log(`(${box.join(", ")}) ${score.data[i].toFixed(3)}`);
