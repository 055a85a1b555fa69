// Counts the objects of an image in the page, and draws a box around each.
import { AirModel } from "@air-onnx/runtime-web";

const answer = document.querySelector("#answer");
const canvas = document.querySelector("#picture");

try {
  const image = new Image();
  image.src = new URL("../two-digits.png", import.meta.url).href;
  await image.decode();

  // A folder of models/, which is served as it is (see vite.config.js). The model runs in a worker of its own.
  const folder = new URLSearchParams(location.search).get("model") ?? "multi-mnist";
  const model = await AirModel.fromPretrained(`./${folder}`, {
    device: "auto", // WebGPU where there is a real GPU, else WebAssembly.
    onNotice: (line) => console.info(line), // Says why it is not WebGPU.
  });
  const side = model.config.imageSize;
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, side, side);

  const [scene] = await model.infer(context.getImageData(0, 0, side, side));
  context.strokeStyle = "orange";
  for (const { xmin, ymin, xmax, ymax } of scene.objects.map(({ tightBox }) => tightBox)) {
    context.strokeRect(xmin, ymin, xmax - xmin, ymax - ymin);
  }
  answer.textContent = `${scene.count} objects, found on ${model.device}`;
  await model.dispose(); // Ends the worker. Keep the model instead if more images come.
} catch (error) {
  answer.textContent = error.message; // A page that says nothing leaves its reader waiting.
  throw error;
}
