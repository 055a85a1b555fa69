/** Receives a model's folder and a batch of images; answers what the model makes of them on the CPU and on WebGPU. */
import { AirModel, whyUnavailable } from "../dist/index.js";

const reports = async (model, images) => {
  const rows = [];
  await model.infer(images, {
    earlyStop: false,
    onStep: ({ glimpse, canvas }) => void rows.push({ glimpse: glimpse.slice(), canvas: canvas.slice() }),
  });
  return rows;
};

async function answers(model, images) {
  const inferred = await model.infer(images);
  return {
    inferred,
    // A run that reads other outputs and one of another size, between runs that agree.
    reports: await reports(model, images),
    smaller: await model.infer(images, { batchSize: 2 }),
    sampled: await model.infer(images, { mode: "sample", seed: 3, earlyStop: false }),
    evidence: await model.evidence(images, { samples: 2 }),
    again: await model.infer(images),
    together: await Promise.all([model.infer(images), model.evidence(images), model.sample(3, { seed: 2, count: 2 })]),
    decoded: await model.decode(inferred),
  };
}

async function compare({ folder, images }) {
  const reason = await whyUnavailable("webgpu");
  if (reason !== undefined) return { reason };
  const results = {};
  for (const device of ["cpu", "webgpu"]) {
    const model = await AirModel.fromPretrained(folder, { device });
    results[device] = await answers(model, images);
    await model.dispose();
  }
  return results;
}

process.once("message", (question) => void compare(question).then((results) => process.send(results)));
