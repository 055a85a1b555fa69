/** The scene file of every kind of model that is exported: it says what the runtime says, whatever form it has. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AirConfigInput, type Manifest, parseAirConfig, parseManifest } from "@air-onnx/core";
import { AirModel } from "@air-onnx/runtime-node";
import { decodeModel, encodeModel, tensorDataType } from "@air-onnx/tracer";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Differences, summedMagnitudes } from "../src/differences.js";
import { convertModel, exportModel, type Opset, opsets, type TrainedModel } from "../src/index.js";
import { opsetOf, withOpset } from "../src/opset.js";
import { SceneFileCheck } from "../src/scene-parity.js";
import { sizes, untrainedParameters } from "./untrained.js";

function modelOf(change: AirConfigInput = {}): TrainedModel {
  const config = parseAirConfig({ ...sizes, ...change });
  return {
    name: "tiny",
    config,
    parameters: untrainedParameters(config, 1),
    training: { dataset: "multi-strokes", seed: 0, steps: 0, commit: null },
    metrics: { countAccuracyMap: 0.5, elbo: -12.5 },
    typicality: { images: 100, falseAlarms: 0.01, limits: { unexplained: 120, thickness: 1.5 } },
  };
}

/** Images of bars and spots, of whole bytes; the first is black. */
function imagesFor({ channels, imageSize }: ReturnType<typeof parseAirConfig>, count = 24): Float32Array {
  const size = channels * imageSize ** 2;
  return Float32Array.from({ length: count * size }, (_, i) => {
    const [image, pixel] = [Math.floor(i / size), i % imageSize ** 2];
    const [x, y] = [pixel % imageSize, Math.floor(pixel / imageSize)];
    const isBar = Math.abs(x - ((5 * image) % imageSize)) < 2 && Math.abs(y - ((3 * image) % imageSize)) < 4;
    const isSpot = (x - 14) ** 2 + (y - ((7 * image) % imageSize)) ** 2 < image;
    return image === 0 ? 0 : Math.round(isBar ? 255 : isSpot ? 120 + 5 * image : 0) / 255;
  });
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-scene-file-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Compares the scene file of a folder with its runtime; gives the counts that the runtime found, with the pruned ones. */
async function compared(directory: string): Promise<{ counts: number[]; pruned: number }> {
  await using model = await AirModel.fromPretrained(directory);
  await using check = (await SceneFileCheck.open(directory, model))!;
  const images = imagesFor(model.config);
  const differences = new Differences(1e-5, summedMagnitudes(model.config));
  await check.compare(images, differences);
  expect(differences.rows().filter(({ within }) => !within)).toEqual([]);
  expect([check.countDisagreements, check.tightBoxDisagreements, check.isSame]).toEqual([0, 0, true]);
  const counts = (await model.infer(images, { pixels: false })).map(({ count }) => count);
  const all = (await model.infer(images, { pixels: false, prune: false })).map(({ count }) => count);
  return { counts, pruned: all.filter((count, i) => count > counts[i]!).length };
}

async function sceneOf(directory: string): Promise<Uint8Array> {
  return await readFile(join(directory, "onnx", "scene.onnx"));
}

describe("a scene file", () => {
  it.each<[string, AirConfigInput]>([
    ["an LSTM that sees the image", {}],
    [
      "an embedding, pooling and a convolution",
      {
        imagePooling: 2,
        embeddingSize: 6,
        lstmInput: { type: "image", convolution: { kernel: 5, stride: 3, channels: [4, 3] } },
      },
    ],
    ["the remainder", { embeddingSize: 6, lstmInput: { type: "remainder" }, glimpseInput: "remainder" }],
    ["image and remainder", { embeddingSize: 6, lstmInput: { type: "image-and-remainder" } }],
    ["three channels", { channels: 3 }],
    ["one step", { maxSteps: 1 }],
    ["ten steps", { maxSteps: 10 }],
    ["bounded windows", { where: { type: "bounded", side: [4, 12] } }],
    ["a Bernoulli likelihood", { likelihood: { type: "bernoulli", canvas: "union", pixelNoise: 0.01 } }],
    ["a Bernoulli likelihood that clamps", { likelihood: { type: "bernoulli", canvas: "clamp" } }],
  ])("says what the runtime says: %s", async (name, change) => {
    const directory = join(folder, name.replaceAll(" ", "-"));
    await exportModel(directory, modelOf(change));
    const { counts } = await compared(directory);
    expect(Math.max(...counts)).toBeGreaterThan(0);
  });

  it("says the scores of objects that are nearly certain as exactly as those of others", async () => {
    const model = modelOf();
    const { shape, data } = model.parameters["predictor.output_bias"]!;
    const sure = { shape, data: data.map((value, i) => (i === 0 ? 11.5 : value)) };
    const parameters = { ...model.parameters, "predictor.output_bias": sure };
    const score = { objects: 1000, bias: -2.5, presence: 0.2, unexplained: -0.1 };
    const directory = join(folder, "sure");
    await exportModel(directory, { ...model, parameters, score });
    await using opened = await AirModel.fromPretrained(directory);
    const scenes = await opened.infer(imagesFor(opened.config), { pixels: false });
    const nearlyCertain = scenes
      .flatMap(({ objects }) => objects.map(({ presence }) => presence))
      .filter((presence) => presence > 1 - 1e-4 && presence < 1 - 1e-6);
    expect(nearlyCertain.length).toBeGreaterThan(3);
    await compared(directory);
  });

  it("leaves out the objects that the runtime leaves out", async () => {
    const directory = join(folder, "pruned");
    await exportModel(directory, modelOf({ maxSteps: 4 }));
    const { counts, pruned } = await compared(directory);
    expect(pruned).toBeGreaterThan(3);
    expect(new Set(counts).size).toBeGreaterThan(1);
  });

  it("takes bytes as image files have them", async () => {
    const directory = join(folder, "bytes");
    const { files } = await exportModel(directory, modelOf({ channels: 3 }), { input: "uint8" });
    expect(files.scene!.input).toBe("uint8");
    const { graph } = decodeModel(await sceneOf(directory));
    const { elemType, shape } = graph.input[0]!.type.tensorType;
    expect(elemType).toBe(tensorDataType.uint8);
    expect(shape.dim).toEqual([{ dimParam: "batch" }, { dimValue: 20 }, { dimValue: 20 }, { dimValue: 3 }]);
    await compared(directory);
  });

  it.each(["float16", "int8"] as const)(
    "is no other model than the three graphs with weights as %s",
    async (weights) => {
      const directory = join(folder, weights);
      await exportModel(directory, modelOf({ maxSteps: 2 }), { weights });
      await compared(directory);
    },
  );

  it("has no state, no control flow, and the batch as its only symbolic dimension", async () => {
    const directory = join(folder, "form");
    await exportModel(directory, modelOf());
    const { graph } = decodeModel(await sceneOf(directory));
    const operators = new Set(graph.node.map(({ opType }) => opType));
    for (const operator of ["If", "Loop", "Scan", "Compress", "NonZero"]) expect(operators).not.toContain(operator);
    expect(graph.input.map(({ name }) => name)).toEqual(["image"]);
    for (const { name, type } of [...graph.input, ...graph.output]) {
      const [batch, ...rest] = type.tensorType.shape.dim;
      expect(batch, name).toEqual({ dimParam: "batch" });
      for (const dim of rest) expect(dim, name).toHaveProperty("dimValue");
    }
    // A batch of one, and of another size than any before.
    const session = await ort.InferenceSession.create(await sceneOf(directory));
    const images = imagesFor(modelOf().config);
    const run = async (batch: Float32Array) =>
      session.run({ image: new ort.Tensor("float32", batch, [batch.length / 400, 1, 20, 20]) });
    const together = (await run(images)).count!.data as Int32Array;
    for (const image of [0, 5, 11]) {
      const alone = (await run(images.slice(400 * image, 400 * (image + 1)))).count!.data as Int32Array;
      expect([...alone]).toEqual([together[image]]);
    }
    await expect(run(new Float32Array(0))).resolves.toBeDefined();
    await expect(
      session.run({ image: new ort.Tensor("float32", images.slice(0, 441), [1, 1, 21, 21]) }),
    ).rejects.toThrow(/image.*21|21.*image/s);
    // What is no number gives no answer: the bound says so.
    const broken = (await run(images.slice(0, 400).fill(Number.NaN))).elbo!.data as Float32Array;
    expect(broken[0]).toBeNaN();
    await session.release();
  });
});

describe("the files of a model", () => {
  it.each(opsets)("give the same scenes in opset %i", async (opset) => {
    const directory = join(folder, `opset${opset}`);
    const change = { imagePooling: 2, likelihood: { type: "bernoulli" } } as const;
    const manifest = await exportModel(directory, modelOf(opset === 17 ? change : {}), { opset });
    expect(manifest.opset).toBe(opset);
    for (const name of ["encoder", "step", "decoder", "scene"]) {
      const model = decodeModel(await readFile(join(directory, "onnx", `${name}.onnx`)));
      expect([opsetOf(model), model.irVersion]).toEqual([opset, { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10 }[opset]]);
    }
    await compared(directory);
  });

  it("are refused in an opset that does not have an operator, or that is newer than theirs", async () => {
    const directory = join(folder, "opset-refused");
    await exportModel(directory, modelOf());
    const model = decodeModel(await sceneOf(directory));
    const other = { ...model.graph.node[0]!, opType: "Gelu" };
    const withGelu = { ...model, graph: { ...model.graph, node: [other] } };
    expect(() => withOpset(withGelu, 19)).toThrow(
      expect.objectContaining({ name: "OpsetError", operator: "Gelu", opset: 19, least: 20 }),
    );
    expect(() => withOpset(withOpset(model, 17), 21)).toThrow(/opset 17, which cannot be raised to 21/);
    const dilated = {
      ...model.graph.node[0]!,
      opType: "AveragePool",
      attribute: [{ name: "dilations", type: 7, ints: [2, 2] }],
    };
    expect(() => withOpset({ ...model, graph: { ...model.graph, node: [dilated] } }, 17)).toThrow(/AveragePool/);
  });

  it("say what they are", async () => {
    const directory = join(folder, "words");
    const { model: config } = await exportModel(directory, modelOf(), { license: "CC-BY-4.0" });
    for (const name of ["encoder", "step", "decoder", "scene"]) {
      const model = decodeModel(await readFile(join(directory, "onnx", `${name}.onnx`)));
      const metadata = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
      expect(metadata).toMatchObject({
        format: "air-onnx",
        model_name: "tiny",
        graph: name,
        pixel_scale: "255",
        max_steps: "3",
        license: "CC-BY-4.0",
      });
      expect(JSON.parse(metadata.config!)).toEqual(config);
      expect(metadata.config_sha256).toMatch(/^[0-9a-f]{64}$/);
      for (const value of [...model.graph.input, ...model.graph.output]) {
        expect(value.docString, `${name}.${value.name}`).toMatch(/\.$/);
      }
    }
  });
});

describe("a conversion", () => {
  let original: string;
  beforeAll(async () => {
    original = join(folder, "original");
    await exportModel(original, modelOf({ imagePooling: 2 }));
  });
  const manifestOf = async (directory: string): Promise<Manifest> =>
    parseManifest(await readFile(join(directory, "config.json")), directory);

  it("gives an older folder a scene file, and keeps its card and numbers", async () => {
    const directory = join(folder, "older");
    await exportModel(directory, modelOf());
    const path = join(directory, "config.json");
    const manifest = JSON.parse(await readFile(path, "utf8"));
    delete manifest.files.scene;
    await writeFile(path, JSON.stringify(manifest));
    await rm(join(directory, "onnx", "scene.onnx"));
    const card = await readFile(join(directory, "README.md"), "utf8");
    await writeFile(
      join(directory, "README.md"),
      `${card.replace(/## Files[^#]*/, "")}\n## My own words\n\nThey stay.\n`,
    );
    await using before = await AirModel.fromPretrained(directory);
    expect(await SceneFileCheck.open(directory, before)).toBeUndefined();
    await convertModel(directory, directory, { overwrite: true });
    const after = await manifestOf(directory);
    expect(after.metrics).toEqual(manifest.metrics);
    expect(after.training).toEqual(manifest.training);
    expect(after.files.scene).toBeDefined();
    const newCard = await readFile(join(directory, "README.md"), "utf8");
    expect(newCard).toContain("They stay.");
    expect(newCard.match(/## Files/g)).toHaveLength(1);
    expect(newCard).toContain("onnx/scene.onnx");
    await compared(directory);
  });

  it("goes to another opset, other weights and another input, and back to the same bits", async () => {
    const [half, again] = [join(folder, "half"), join(folder, "again")];
    await exportModel(half, modelOf(), { weights: "float16" });
    await convertModel(half, again, { weights: "float32", input: "uint8" });
    expect(await manifestOf(again)).toMatchObject({ weights: "float32", files: { scene: { input: "uint8" } } });
    await compared(again);
    const old = join(folder, "old-opset");
    await convertModel(again, old, { opset: 17 });
    expect((await manifestOf(old)).files.scene!.input).toBe("uint8");
    await compared(old);
    const [first, second] = await Promise.all([half, again].map((each) => AirModel.fromPretrained(each)));
    const images = imagesFor(first!.config);
    expect((await second!.infer(images)).map(({ elbo }) => elbo)).toEqual(
      (await first!.infer(images)).map(({ elbo }) => elbo),
    );
    await Promise.all([first!.dispose(), second!.dispose()]);
  });

  it("refuses to make weights less precise without images to measure on, and an existing folder", async () => {
    const directory = join(folder, "unmeasured");
    await expect(convertModel(original, directory, { weights: "int8" })).rejects.toMatchObject({
      name: "ConversionError",
      kind: "unmeasured",
    });
    await expect(convertModel(original, original)).rejects.toThrow(/exists already/);
    await expect(readFile(join(directory, "config.json"))).rejects.toThrow();
  });

  it("refuses graphs from which no scene file can be made", async () => {
    const opset: Opset = 18;
    const directory = join(folder, "mixed");
    await exportModel(directory, modelOf(), { opset });
    const { sceneFile } = await import("../src/scene-file.js");
    const [encoder, step] = await Promise.all(
      ["encoder", "step"].map((name) => readFile(join(directory, "onnx", `${name}.onnx`))),
    );
    const older = encodeModel(withOpset(decodeModel(encoder!), 17));
    const settings = { config: modelOf().config, input: "float32", scale: 255 } as const;
    expect(() => sceneFile(older, step!, settings)).toThrow(/different operator sets/);
  });
});
