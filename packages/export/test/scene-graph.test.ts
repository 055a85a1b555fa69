/** The scene graph of every kind of model that is exported: its scenes, and that it has the fewer operations that it promises. */
import { readFile } from "node:fs/promises";
import { type AirConfigInput, inferScenes, parseAirConfig, sceneGraph } from "@air-onnx/core";
import { decodeModel } from "@air-onnx/tracer";
import { InferenceSession } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { expectClose } from "../../runtime-node/test/scenes-close.js";
import { encodeGraphs } from "../src/index.js";
import { sizes, untrainedParameters } from "./untrained.js";

async function comparison(config: ReturnType<typeof parseAirConfig>, weights: "float32" | "float16" = "float32") {
  const graphs = encodeGraphs(config, untrainedParameters(config, 2), weights);
  const options = { intraOpNumThreads: 1 };
  const encoder = await InferenceSession.create(graphs.encoder, options);
  const step = await InferenceSession.create(graphs.step, options);
  const size = config.channels * config.imageSize ** 2;
  const images = Float32Array.from(
    { length: 9 * size },
    (_, i) => Math.abs(Math.sin(i * 1.7 + i / size)) * ((i >> 5) % 2),
  );
  const byStep = await inferScenes({ encoder, step }, config, images, { onStep: () => {} });
  for (const narrows of [false, true]) {
    const session = await InferenceSession.create(sceneGraph(graphs.encoder, graphs.step, config, narrows)!, options);
    expectClose(await inferScenes({ encoder, step, sceneGraph: async () => session }, config, images), byStep, 2e-4);
    await session.release();
  }
  await Promise.all([encoder.release(), step.release()]);
  return byStep;
}

describe("the scene graph of an exported model", () => {
  it.each<[string, AirConfigInput]>([
    ["an LSTM that sees the image", {}],
    ["an embedding and pooling", { embeddingSize: 6, imagePooling: 2 }],
    [
      "a convolution",
      { embeddingSize: 6, lstmInput: { type: "image", convolution: { kernel: 5, stride: 3, channels: [4, 3] } } },
    ],
    ["the remainder", { lstmInput: { type: "remainder" } }],
    ["the remainder through an embedding", { embeddingSize: 6, lstmInput: { type: "remainder" } }],
    [
      "image and remainder",
      { embeddingSize: 6, lstmInput: { type: "image-and-remainder" }, glimpseInput: "remainder" },
    ],
    ["three channels and one step", { channels: 3, maxSteps: 1 }],
    ["two steps", { maxSteps: 2 }],
    ["bounded windows", { where: { type: "bounded", side: [4, 12] } }],
    ["absolute windows", { where: { type: "absolute" } }],
    ["a Bernoulli likelihood", { likelihood: { type: "bernoulli", canvas: "union", pixelNoise: 0.01 } }],
  ] as [string, AirConfigInput][])("gives the scenes that the steps give: %s", async (_, change) => {
    const scenes = await comparison(parseAirConfig({ ...sizes, ...change }));
    expect(Math.max(...scenes.map(({ count }) => count))).toBeGreaterThan(0);
  });

  it("does so with weights in half precision", async () => {
    await comparison(parseAirConfig(sizes), "float16");
  });

  it("multiplies by the recurrent weights once a step after the first, and interpolates in three operations", () => {
    const config = parseAirConfig(sizes);
    const graphs = encodeGraphs(config, untrainedParameters(config, 2));
    const operators = (graph: { node: readonly { opType: string }[] }) => graph.node.map(({ opType }) => opType);
    const { graph } = decodeModel(sceneGraph(graphs.encoder, graphs.step, config, false)!);
    const first = operators(graph);
    const branch = graph.node
      .find(({ opType }) => opType === "If")!
      .attribute!.find(({ name }) => name === "then_branch")!;
    const second = operators(branch.g!);
    const count = (names: readonly string[], name: string) => names.filter((each) => each === name).length;
    expect(count(operators(decodeModel(graphs.step).graph), "Gemm")).toBe(12);
    // The gates, two for each of three perceptrons, and four for the windows' rows and columns.
    expect(count(second, "Gemm")).toBe(11);
    // The encoder's takes the place of the first step's gates.
    expect(count(first, "Gemm")).toBe(11);
    expect(count(second, "HardSigmoid")).toBe(4);
    // Adding and subtracting is left where there is no product: the LSTM's cell, z_where and the KLs, the canvas and the likelihood.
    expect(count(second, "Relu")).toBe(3);
  });

  it("interpolates in three operations in a model whose step subtracts pixels from positions, too", async () => {
    const folder = new URL("../../../models/multi-mnist/", import.meta.url);
    const read = (name: string) => readFile(new URL(name, folder));
    const config = parseAirConfig(JSON.parse((await read("config.json")).toString()).model);
    const step = await read("onnx/step.onnx");
    const { graph } = decodeModel(sceneGraph(await read("onnx/encoder.onnx"), step, config, false)!);
    const later = graph.node.find(({ opType }) => opType === "If")!.attribute!;
    const nodes = later.find(({ name }) => name === "then_branch")!.g!.node;
    const makerOf = (output: string) => nodes.find((node) => node.output?.includes(output))!;
    const hats = nodes.filter(({ opType }) => opType === "HardSigmoid");
    expect(hats).toHaveLength(4);
    for (const hat of hats) {
      const distance = makerOf(hat.input![0]!);
      expect([distance.opType, makerOf(distance.input![0]!).opType]).toEqual(["Abs", "Gemm"]);
    }
  });
});
