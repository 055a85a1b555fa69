/** Tests that onnxruntime makes the same scenes with the loop graph as with the encoder and the step by themselves. */
import { rm } from "node:fs/promises";
import {
  GraphOutputError,
  graphSignatures,
  type InferenceOptions,
  inferScenes,
  loopGraph,
  type Scene,
} from "@air-onnx/core";
import { afterAll, describe, expect, it } from "vitest";
import { AirModel } from "../src/index.js";
import { InferenceSession } from "../src/onnxruntime.js";
import { writeModel } from "./onnx-writer.js";
import { tinyConfig, tinyGraphs, tinyImages, writeTinyModel } from "./tiny-model.js";

const serialised = { encoder: writeModel(tinyGraphs.encoder), step: writeModel(tinyGraphs.step) };
const joined = loopGraph(serialised.encoder, serialised.step, tinyConfig)!;
const options = { intraOpNumThreads: 1 };
const encoder = await InferenceSession.create(serialised.encoder, options);
const step = await InferenceSession.create(serialised.step, options);
const loop = await InferenceSession.create(joined, options);
afterAll(() => Promise.all([encoder, step, loop].map((session) => session.release())));

const images = tinyImages(23);
const byStep = (settings: InferenceOptions): Promise<Scene[]> =>
  inferScenes({ encoder, step }, tinyConfig, images, { ...settings, onStep: () => {} });
const atOnce = (settings: InferenceOptions): Promise<Scene[]> =>
  inferScenes({ encoder, step, loop }, tinyConfig, images, settings);

describe("the loop graph", () => {
  it.each<InferenceOptions>([
    { batchSize: 1 },
    { batchSize: 4 },
    { batchSize: 4, earlyStop: false },
    { batchSize: 1, mode: "sample", seed: 5 },
    { batchSize: 4, mode: "sample", seed: 6, earlyStop: false },
    { batchSize: 2, steps: 1 },
    { batchSize: 2, steps: 7, mode: "sample" },
  ])("gives the scenes that the steps give, to the last bit: %j", async (settings) => {
    expect(await atOnce(settings)).toEqual(await byStep(settings));
  });

  it("runs only as many steps as an image needs", async () => {
    const steps = new Set((await atOnce({ batchSize: 1 })).map((each) => each.steps));
    expect(steps.size).toBeGreaterThan(1);
  });

  it("gives the same scenes when a model runs it for repeated calls with few images", async () => {
    const folder = await writeTinyModel();
    await using model = await AirModel.fromPretrained(folder, { threads: 1 });
    const first = await model.infer(images, { batchSize: 1 });
    for (let i = 0; i < 3; i++) expect(await model.infer(images, { batchSize: 1 })).toEqual(first);
    await rm(folder, { recursive: true });
  });

  it("names the output, image and step that broke", async () => {
    const graph = tinyGraphs.step;
    const nodes = graph.nodes.map((node) =>
      node.outputs[0] === "kl_what" ? { ...node, op: "Log", inputs: ["minus_one"] } : node,
    );
    const weights = { ...graph.weights, minus_one: { shape: [1], values: [-1] } };
    const broken = loopGraph(serialised.encoder, writeModel({ ...graph, nodes, weights }), tinyConfig)!;
    const session = await InferenceSession.create(broken, options);
    const run = inferScenes({ encoder, step, loop: session }, tinyConfig, images, { batchSize: 1 });
    await expect(run).rejects.toThrow(GraphOutputError);
    await expect(run).rejects.toThrow('output "kl_what" of the step graph holds NaN for image 0 at step 1');
    await session.release();
  });

  it("has the documented inputs and outputs, with the batch and the steps symbolic", () => {
    const { step: signature } = graphSignatures(tinyConfig);
    const shapes = Object.fromEntries(
      loop.inputMetadata.map((each) => [each.name, each.isTensor ? each.shape : undefined]),
    );
    expect(shapes).toEqual({
      image: ["batch", ...signature.inputs.image],
      "loop/eps_where": ["max_steps", "batch", 3],
      "loop/eps_what": ["max_steps", "batch", 2],
      "loop/max_steps": [],
      "loop/stop_below": ["batch"],
    });
    expect(loop.outputNames).toHaveLength(9);
  });

  it("is not made of graphs in different operator sets", () => {
    const other = Uint8Array.from(serialised.encoder);
    // opset_import is field 8, a message of 2 bytes, whose field 2 is the version.
    const at = other.findIndex((byte, i) => byte === 0x10 && other[i - 2] === 0x42);
    other[at + 1] = 18;
    expect(loopGraph(other, serialised.step, tinyConfig)).toBeUndefined();
    expect(() => loopGraph(new Uint8Array([1, 2, 3]), serialised.step, tinyConfig)).toThrow(RangeError);
  });
});
