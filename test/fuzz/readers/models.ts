/** The readers of models: manifests, graphs, whole folders as runtime-node opens them, and the manifest of training files. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  ConfigError,
  type GraphName,
  GraphOutputError,
  GraphRunError,
  graphFault,
  graphNames,
  type Manifest,
  ModelFileError,
  modelLimits,
  parseManifest,
  probeModel,
} from "@air-onnx/core";
import { AirModel } from "@air-onnx/runtime-node";
import { parseTrainingManifest } from "@air-onnx/trainer";
import { attribute, constant, join as joined, node } from "../../../packages/core/src/onnx-message.js";
import { writeModel } from "../../../packages/runtime-node/test/onnx-writer.js";
import { tinyGraphs, tinyImages, writeTinyModel } from "../../../packages/runtime-node/test/tiny-model.js";
import { soundManifest } from "../../../packages/trainer/test/sound-manifest.js";
import { mutateValues } from "../json-values.js";
import { mutate } from "../mutations.js";
import { type Reader, SOURCE } from "../reader.js";

/** What `graphFault` says, as an error. */
class Fault extends Error {}

const withLoop = joined([
  ...node("Loop", ["n"], ["y"], [attribute("body", constant("w", "float32", [1], Float32Array.of(1)))]),
]);
const graphFiles = [probeModel, withLoop, ...graphNames.map((name) => writeModel(tinyGraphs[name]))].map((bytes) =>
  Buffer.from(bytes),
);

const graphs: Reader = {
  name: "structure of .onnx",
  corpus: graphFiles.filter((bytes) => graphFault(bytes) === undefined),
  damages: [mutate],
  typedErrors: [Fault],
  named: SOURCE,
  read(file) {
    const fault = graphFault(file);
    if (fault !== undefined) throw new Fault(`${SOURCE} ${fault}`);
  },
};

function manifestReader(sound: Buffer): Reader {
  return {
    name: "config.json of a model",
    corpus: [sound],
    damages: [mutate, mutateValues],
    typedErrors: [ConfigError],
    named: SOURCE,
    read(file) {
      const { model, files } = parseManifest(file, SOURCE);
      const { imageSize, channels, maxSteps } = model;
      assert.ok(maxSteps * channels * imageSize ** 2 <= modelLimits.canvasValues);
      assert.ok(!Object.hasOwn(Object.prototype, "a"));
      const folder = "http://host/folder/";
      for (const each of Object.values(files)) {
        const path = each?.path ?? "";
        // A file of the folder, as a path and as a URL.
        assert.match(path, /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/);
        assert.equal(new URL(path, folder).href, folder + path);
      }
    },
  };
}

/** Most numbers of the state, and of the inputs of one step, that training takes memory for. */
const MOST_NUMBERS = 2 ** 28;

const training: Reader = {
  name: "training.json",
  corpus: [Buffer.from(JSON.stringify(soundManifest))],
  damages: [mutate, mutateValues],
  typedErrors: [ConfigError],
  named: SOURCE,
  read(file) {
    const { parameters, stages } = parseTrainingManifest(file, SOURCE);
    const numbers = (all: readonly { readonly shape: readonly number[] }[]): number =>
      all.reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0);
    assert.ok(numbers(parameters) <= MOST_NUMBERS);
    for (const { perStep } of stages) assert.ok(numbers(perStep) <= MOST_NUMBERS);
    for (const { values, shape } of parameters) if (values) assert.equal(values.length, numbers([{ shape }]));
  },
};

/** A model folder with one damaged graph, whose hash the manifest has: what a server or an author can give. */
async function folderReader(folder: string): Promise<Reader> {
  const sound = await writeTinyModel();
  const manifest = JSON.parse(readFileSync(join(sound, "config.json"), "utf8")) as Manifest;
  const path = join(folder, "model");
  const put = (name: string, bytes: Uint8Array): void => {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), bytes);
  };
  const files = graphNames.map((name) => Buffer.from(readFileSync(join(sound, manifest.files[name].path))));
  return {
    name: "model folder in onnxruntime",
    corpus: files,
    damages: [mutate],
    // An option is none of ours to check here: RangeError is left out on purpose.
    typedErrors: [ModelFileError, ConfigError, GraphOutputError, GraphRunError],
    named: "",
    cost: 40,
    async read(file, original) {
      const damaged = graphNames[files.findIndex((bytes) => bytes.equals(original))] as GraphName;
      const sha256 = createHash("sha256").update(file).digest("hex");
      for (const [i, name] of graphNames.entries()) put(manifest.files[name].path, files[i]!);
      put(manifest.files[damaged].path, file);
      const entry = { ...manifest.files[damaged], size: file.length, sha256 };
      put("config.json", Buffer.from(JSON.stringify({ ...manifest, files: { ...manifest.files, [damaged]: entry } })));
      const model = await AirModel.fromPretrained(path, { threads: 1 });
      try {
        const [scene] = await model.infer(tinyImages(1));
        assert.ok(scene!.count <= 3);
      } finally {
        await model.dispose();
      }
    },
  };
}

export async function modelReaders(folder: string): Promise<Reader[]> {
  const sound = await writeTinyModel();
  const manifest = readFileSync(join(sound, "config.json"));
  return [graphs, manifestReader(manifest), training, await folderReader(folder)];
}
