/** Tests the folders for servers: against the schema of Triton's configuration, with the graph run as the server would. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAirConfig } from "@air-onnx/core";
import { initialParameters } from "@air-onnx/train";
import { InferenceSession, Tensor } from "onnxruntime-node";
import protobuf from "protobufjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { convertModel, exportModel, writeServingFolder } from "../src/index.js";
import { parseTextFormat, type TextMessage } from "./text-format.js";

let scratch: string;
let model: string;
let ModelConfig: protobuf.Type;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "air-onnx-serving-"));
  model = join(scratch, "model");
  const config = parseAirConfig({
    ...{ imageSize: 20, objectSize: 8, maxSteps: 2, zWhatSize: 5 },
    ...{ lstmSize: 8, predictorSize: 7, encoderSize: 9, decoderSize: 6 },
  });
  await exportModel(model, {
    name: "Tiny: Model",
    config,
    parameters: initialParameters(config, 0),
    training: { dataset: "multi-strokes", seed: 0, steps: 0, commit: null },
    metrics: {},
  });
  const schema = await readFile(fileURLToPath(new URL("triton-model-config.proto", import.meta.url)), "utf8");
  ModelConfig = protobuf.parse(schema, { keepCase: true }).root.lookupType("inference.ModelConfig");
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

interface Tensors {
  readonly name: string;
  readonly data_type: string;
  readonly dims: readonly number[];
  readonly reshape?: { readonly shape?: readonly number[] };
}
interface Config {
  readonly name: string;
  readonly backend: string;
  readonly max_batch_size: number;
  readonly default_model_filename: string;
  readonly input: readonly Tensors[];
  readonly output: readonly Tensors[];
  readonly dynamic_batching: { readonly max_queue_delay_microseconds: number };
  readonly model_warmup: readonly {
    readonly batch_size: number;
    readonly inputs: Readonly<Record<string, { readonly dims: readonly number[]; readonly zero_data: boolean }>>;
  }[];
}

/** Reads a config.pbtxt by the schema, and back: a field or a type that the schema has not is an error. */
async function configOf(path: string): Promise<Config> {
  const text = parseTextFormat(await readFile(path, "utf8"));
  const message = ModelConfig.decode(ModelConfig.encode(fromText(ModelConfig, text)).finish());
  return ModelConfig.toObject(message, { longs: Number, enums: String, arrays: true }) as Config;
}

function fromText(type: protobuf.Type, text: TextMessage): protobuf.Message {
  const object: Record<string, unknown> = {};
  for (const { name, value } of text) {
    const field = type.fields[name];
    if (!field) throw new Error(`${type.name} has no field ${name}`);
    field.resolve();
    const one = (each: (typeof text)[number]["value"]): unknown => {
      if (field.resolvedType instanceof protobuf.Type) return fromText(field.resolvedType, each as TextMessage);
      if (!(field.resolvedType instanceof protobuf.Enum)) return each;
      if (!(String(each) in field.resolvedType.values)) throw new Error(`${field.type} has no value ${String(each)}`);
      return field.resolvedType.values[String(each)];
    };
    if (field instanceof protobuf.MapField) {
      const entry = Object.fromEntries((value as TextMessage).map((each) => [each.name, each.value]));
      object[name] = { ...(object[name] as object), [String(entry.key)]: one(entry.value!) };
    } else if (field.repeated) {
      object[name] = [...((object[name] as unknown[]) ?? []), one(value)];
    } else {
      if (name in object) throw new Error(`${type.name}.${name} is there twice`);
      object[name] = one(value);
    }
  }
  const fault = type.verify(object);
  if (fault) throw new Error(`${type.name}: ${fault}`);
  return type.create(object);
}

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();

describe.each(["float32", "uint8"] as const)("a Triton repository of a model that takes %s", (input) => {
  let repository: string;
  let config: Config;
  beforeAll(async () => {
    const source = join(scratch, `model-${input}`);
    await convertModel(model, source, { input });
    repository = join(scratch, `repository-${input}`);
    await writeServingFolder(source, repository, { target: "triton", maxBatchSize: 4, maxQueueDelay: 200 });
    config = await configOf(join(repository, "tiny-model/config.pbtxt"));
  });

  it("has the files that the server looks for", async () => {
    expect(await filesIn(repository)).toEqual(["tiny-model/1/model.onnx", "tiny-model/config.pbtxt"]);
    expect(config).toMatchObject({
      ...{ name: "tiny-model", backend: "onnxruntime", default_model_filename: "model.onnx", max_batch_size: 4 },
      dynamic_batching: { max_queue_delay_microseconds: 200 },
    });
  });

  it("names inputs and outputs with the types and shapes that the graph has", async () => {
    const session = await InferenceSession.create(join(repository, "tiny-model/1/model.onnx"));
    try {
      expect(config.input.map(({ name }) => name)).toEqual(session.inputNames);
      expect(config.output.map(({ name }) => name).toSorted()).toEqual([...session.outputNames].toSorted());
      const types: Readonly<Record<string, string>> = {
        ...{ TYPE_FP32: "float32", TYPE_UINT8: "uint8", TYPE_INT32: "int32", TYPE_BOOL: "bool" },
      };
      const [image] = config.input;
      expect(types[image!.data_type]).toBe(input);
      // Runs the warm-ups, as the server does, and compares each output with what it was told.
      for (const { batch_size: batch, inputs } of config.model_warmup) {
        const { dims, zero_data: zeros } = inputs.image!;
        expect(zeros).toBe(true);
        expect(dims).toEqual(image!.dims);
        const size = dims.reduce((product, each) => product * each, batch);
        const data = input === "uint8" ? new Uint8Array(size) : new Float32Array(size);
        const outputs = await session.run({ image: new Tensor(input, data as Float32Array, [batch, ...dims]) });
        for (const { name, data_type: type, dims: told, reshape } of config.output) {
          expect([name, outputs[name]!.type, outputs[name]!.dims]).toEqual([
            name,
            types[type],
            [batch, ...(reshape ? (reshape.shape ?? []) : told)],
          ]);
          if (reshape) expect(told).toEqual([1]);
        }
      }
      expect(config.model_warmup.map(({ batch_size: batch }) => batch)).toEqual([1, 4]);
    } finally {
      await session.release();
    }
  });
});

it("is written for KServe with the manifest of a service that reads it", async () => {
  const folder = join(scratch, "kserve");
  const storageUri = "s3://bucket/model_repository";
  const { name } = await writeServingFolder(model, folder, { target: "kserve", storageUri });
  expect(await filesIn(folder)).toEqual([
    "inference-service.yaml",
    "model_repository/tiny-model/1/model.onnx",
    "model_repository/tiny-model/config.pbtxt",
  ]);
  expect((await configOf(join(folder, "model_repository/tiny-model/config.pbtxt"))).max_batch_size).toBe(64);
  expect(parse(await readFile(join(folder, "inference-service.yaml"), "utf8"))).toMatchObject({
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name },
    spec: { predictor: { model: { modelFormat: { name: "onnx" }, protocolVersion: "v2", storageUri } } },
  });
});

describe("a folder for a server is not written", () => {
  it("over another", async () => {
    const folder = join(scratch, "there");
    await mkdir(folder);
    await expect(writeServingFolder(model, folder, { target: "triton" })).rejects.toThrow(
      /there exists already: choose another folder$/,
    );
    expect(await filesIn(folder)).toEqual([]);
  });

  it("in part: nothing is left of one that fails", async () => {
    const before = await readdir(scratch);
    const damaged = join(scratch, "damaged");
    await cp(model, damaged, { recursive: true });
    await rm(join(damaged, "onnx/scene.onnx"));
    const failing: readonly (readonly [string, Parameters<typeof writeServingFolder>[2], RegExp])[] = [
      [damaged, { target: "triton" }, /scene\.onnx is missing/],
      [model, { target: "kserve" }, /storageUri must say where .* got none/],
      [model, { target: "kserve", storageUri: "bucket" }, /storageUri must say where .* got "bucket"/],
      [model, { target: "triton", maxBatchSize: 0 }, /maxBatchSize must be an integer of at least 1/],
      [model, { target: "triton", signal: AbortSignal.abort(new Error("enough")) }, /enough/],
    ];
    for (const [source, options, message] of failing) {
      await expect(writeServingFolder(source, join(scratch, "new"), options)).rejects.toThrow(message);
    }
    expect((await readdir(scratch)).toSorted()).toEqual([...before, "damaged"].toSorted());
  });
});
