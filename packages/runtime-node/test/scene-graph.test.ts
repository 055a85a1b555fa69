/** Tests that onnxruntime makes the same scenes with the scene graph as with the encoder and the step by themselves. */
import { rm } from "node:fs/promises";
import {
  GraphOutputError,
  graphSignatures,
  type InferenceOptions,
  inferScenes,
  type Scene,
  sceneGraph,
} from "@air-onnx/core";
import { afterAll, describe, expect, it } from "vitest";
import { AirModel } from "../src/index.js";
import { InferenceSession } from "../src/onnxruntime.js";
import { writeModel } from "./onnx-writer.js";
import { expectClose } from "./scenes-close.js";
import { tinyConfig, tinyGraphs, tinyImages, writeTinyModel } from "./tiny-model.js";

const serialised = { encoder: writeModel(tinyGraphs.encoder), step: writeModel(tinyGraphs.step) };
const options = { intraOpNumThreads: 1 };
const encoder = await InferenceSession.create(serialised.encoder, options);
const step = await InferenceSession.create(serialised.step, options);
const open = (narrows: boolean): Promise<InferenceSession> =>
  InferenceSession.create(sceneGraph(serialised.encoder, serialised.step, tinyConfig, narrows)!, options);
const graphs = { whole: await open(false), narrowing: await open(true) };
afterAll(() => Promise.all([encoder, step, graphs.whole, graphs.narrowing].map((session) => session.release())));

const images = tinyImages(23);
const byStep = (settings: InferenceOptions): Promise<Scene[]> =>
  inferScenes({ encoder, step }, tinyConfig, images, { ...settings, onStep: () => {} });

describe.each(["whole", "narrowing"] as const)("the scene graph, %s", (kind) => {
  const atOnce = (settings: InferenceOptions): Promise<Scene[]> =>
    inferScenes({ encoder, step, sceneGraph: async () => graphs[kind] }, tinyConfig, images, settings);

  it.each<InferenceOptions>([
    { batchSize: 1 },
    { batchSize: 4 },
    { batchSize: 4, earlyStop: false },
    { batchSize: 23 },
    { batchSize: 7, prune: false },
  ])("gives the scenes that the steps give, but for rounding: %j", async (settings) => {
    expectClose(await atOnce(settings), await byStep(settings));
  });

  it("leaves other work to the steps, whose scenes are the same to the last bit", async () => {
    for (const settings of [{ mode: "sample", seed: 5 }, { steps: 1 }, { steps: 7 }] as const) {
      expect(await atOnce(settings)).toEqual(await byStep(settings));
    }
  });

  it("runs only as many steps as an image needs", async () => {
    const steps = new Set((await atOnce({ batchSize: 1 })).map((each) => each.steps));
    expect(steps.size).toBeGreaterThan(1);
  });

  it("names the output, image and step that broke, for pixels too, which it does not check one by one", async () => {
    const graph = tinyGraphs.step;
    const sourceOf = (name: string): string => graph.nodes.find(({ outputs }) => outputs[0] === name)!.inputs[0]!;
    // The canvas before it is given its shape, of which the log-likelihood is computed, too.
    const canvas = sourceOf(sourceOf("next_canvas"));
    for (const [output, broken] of [
      ["kl_what", "kl_what"],
      ["next_canvas", canvas],
    ] as const) {
      const nodes = graph.nodes.flatMap((node) => {
        if (node.outputs[0] !== broken) return [node];
        const nan = { op: "Log", inputs: ["minus_one"], outputs: ["nan"] };
        return [{ ...node, outputs: ["sound"] }, nan, { op: "Add", inputs: ["sound", "nan"], outputs: [broken] }];
      });
      const weights = { ...graph.weights, minus_one: { shape: [1], values: [-1] } };
      const stepGraph = writeModel({ ...graph, nodes, weights });
      const scene = sceneGraph(serialised.encoder, stepGraph, tinyConfig, kind === "narrowing")!;
      const session = await InferenceSession.create(scene, options);
      const run = inferScenes({ encoder, step, sceneGraph: async () => session }, tinyConfig, images, { batchSize: 6 });
      await expect(run).rejects.toThrow(GraphOutputError);
      await expect(run).rejects.toThrow(`output "${output}" of the step graph holds NaN for image 0 at step 1`);
      await session.release();
    }
  });

  it("has the documented inputs and outputs, with the batch symbolic", () => {
    const session = graphs[kind];
    const shapes = session.inputMetadata.map((each) => [each.name, each.isTensor ? each.shape : undefined]);
    expect(Object.fromEntries(shapes)).toEqual({
      image: ["batch", ...graphSignatures(tinyConfig).step.inputs.image],
      "scene/stop_below": ["batch"],
      "scene/rows": ["batch"],
    });
    expect(session.outputNames).toHaveLength(1 + 5 * tinyConfig.maxSteps);
  });
});

describe("sceneGraph", () => {
  it("joins no graphs in different operator sets, and makes no graph of very many steps", () => {
    const other = Uint8Array.from(serialised.encoder);
    // opset_import is field 8, a message of 2 bytes, whose field 2 is the version.
    const at = other.findIndex((byte, i) => byte === 0x10 && other[i - 2] === 0x42);
    other[at + 1] = 18;
    expect(sceneGraph(other, serialised.step, tinyConfig, false)).toBeUndefined();
    const many = { ...tinyConfig, maxSteps: 9 };
    expect(sceneGraph(serialised.encoder, serialised.step, many, false)).toBeUndefined();
    expect(() => sceneGraph(new Uint8Array([1, 2, 3]), serialised.step, tinyConfig, false)).toThrow(RangeError);
  });

  it("gives the same scenes when a model uses it for repeated calls, and summaries of them", async () => {
    const folder = await writeTinyModel();
    await using model = await AirModel.fromPretrained(folder, { threads: 1 });
    for (const batchSize of [1, 9]) {
      const first = await model.infer(images, { batchSize, onStep: () => {} });
      for (let i = 0; i < 3; i++) expectClose(await model.infer(images, { batchSize }), first);
      const summaries = await model.infer(images, { batchSize, pixels: false });
      const whole = await model.infer(images, { batchSize });
      expect(summaries).toEqual(
        whole.map(({ reconstruction: _, ...scene }) => ({
          ...scene,
          objects: scene.objects.map(({ patch: __, mask: ___, ...object }) => object),
        })),
      );
    }
    await rm(folder, { recursive: true });
  });
});
