/**
 * The export of training itself: graphs and a manifest with which a program that has an ONNX runtime alone trains a model, in
 * any language or in a page. @air-onnx/trainer is such a program.
 */
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type GraphName, graphNames, type ManifestFile, parseWith, withoutConstantValues } from "@air-onnx/core";
import { heldOutChoices, imagesName, writeFileAtomic } from "@air-onnx/scenes";
import { decodeModel } from "@air-onnx/tracer";
import {
  type NamedTensorData,
  openRunFolder,
  parameterShapes,
  type TrainConfig,
  trainingGraphs,
} from "@air-onnx/train";
import {
  TRAINING_MANIFEST_FILE,
  TRAINING_MANIFEST_VERSION,
  type TrainingManifest,
  trainingManifestSchema,
} from "@air-onnx/trainer";
import { defaultForm, type FolderOptions, PIXEL_SCALE, refuseToReplace, writeFolder } from "./export-model.js";
import { encodeGraphs } from "./graphs.js";
import { modelGraphs } from "./model-graphs.js";

/** The training manifest and the files that it names, by their paths. */
export interface TrainingFiles {
  /** The content of `training.json`. */
  readonly manifest: TrainingManifest;
  /** The other files of the folder. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Makes the files with which a training runs without this package.
 *
 * @throws {ConfigError} for a configuration with composed, augmented or preprocessed images, or of an extended run
 */
export function trainingFiles(config: TrainConfig): TrainingFiles {
  const { stages, evaluation, parameters, schedules } = trainingGraphs(config);
  const files = new Map<string, Uint8Array>();
  const add = (path: string, bytes: Uint8Array): ManifestFile => {
    files.set(path, bytes);
    return { path, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  };
  // Where a user's own images are is of no use to others.
  const { path: _, imagesKey: __, countsKey: ___, ...choices } = heldOutChoices(config);
  const settings = Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined));
  const manifest = parseWith(
    trainingManifestSchema,
    {
      format: "air-onnx-training",
      formatVersion: TRAINING_MANIFEST_VERSION,
      name: imagesName(config),
      model: config.model,
      normalisation: { scale: PIXEL_SCALE },
      opset: defaultForm.opset,
      estimator: config.estimator,
      data: { dataset: config.dataset, settings },
      batchSize: config.batchSize,
      steps: config.steps,
      stages: stages.map(({ model, stage }, i) => ({
        ...stage,
        file: add(stages.length === 1 ? "training.onnx" : `training-${i + 1}.onnx`, model),
      })),
      parameters,
      schedules,
      evaluation: add("evaluation.onnx", evaluation),
      graphs: Object.fromEntries(
        templatesOf(config).map(({ name, bytes, weights }) => [
          name,
          { file: add(`templates/${name}.onnx`, bytes), weights },
        ]),
      ),
    },
    "training manifest",
  );
  return { manifest, files };
}

/**
 * Writes a folder of training files. It is written under a temporary name and renamed when it is complete.
 *
 * @throws {FileError} if the folder exists and `overwrite` is false, or cannot be written
 * @throws the errors of {@link trainingFiles}
 */
export async function exportTraining(
  directory: string,
  config: TrainConfig,
  options: FolderOptions = {},
): Promise<TrainingFiles> {
  // Checked first, before the graphs are traced.
  await refuseToReplace(directory, options.overwrite === true);
  const made = trainingFiles(config);
  await writeFolder(
    directory,
    (partial, writing) =>
      writing(async () => {
        await mkdir(join(partial, "templates"));
        for (const [path, bytes] of made.files) await writeFileAtomic(join(partial, path), bytes);
        const text = `${JSON.stringify(made.manifest, null, 2)}\n`;
        await writeFileAtomic(join(partial, TRAINING_MANIFEST_FILE), text);
      }),
    options,
  );
  return made;
}

/**
 * Writes the training files of the run in `path`: with them, another program repeats its training from the first step. The run
 * needs no checkpoint.
 *
 * @param out folder of the training files; `training/NAME` by default
 * @returns the folder that was written, and its files
 * @throws {FileError} if there is no run in `path`
 * @throws the errors of {@link exportTraining}
 */
export async function exportRunTraining(
  path: string,
  { out, ...options }: FolderOptions & { readonly out?: string | undefined } = {},
): Promise<{ readonly directory: string } & TrainingFiles> {
  const { config } = openRunFolder(path);
  const directory = out ?? join("training", imagesName(config));
  return { directory, ...(await exportTraining(directory, config, options)) };
}

/** A graph of the model without its weights. */
interface Template {
  readonly name: GraphName | "scene";
  readonly bytes: Uint8Array;
  /** The parameter of each constant that takes one, by the constant's name. */
  readonly weights: Record<string, string>;
}

/** The graphs that an export of the trained model would have, without the values of the parameters. */
function templatesOf(config: TrainConfig): Template[] {
  const probe = probeParameters(config);
  const facts = {
    ...{ name: imagesName(config), config: config.model, scale: PIXEL_SCALE },
    ...{ typicality: undefined, score: undefined, license: undefined, isPreprocessed: false },
    formatVersion: 1,
  };
  const graphs = modelGraphs(encodeGraphs(config.model, probe), defaultForm, facts);
  const names = [...graphNames, ...(graphs.scene ? (["scene"] as const) : [])];
  return names.map((name) => {
    const bytes = graphs[name]!;
    const weights = slotsOf(bytes, probe);
    return { name, bytes: withoutConstantValues(bytes, new Set(Object.keys(weights))), weights };
  });
}

/** Values that no constant of a graph has: each parameter is filled with a number of its own. */
const PROBE = 1e6;

function probeParameters(config: TrainConfig): NamedTensorData {
  return Object.fromEntries(
    Object.entries(parameterShapes(config.model)).map(([name, shape], i) => {
      const size = shape.reduce((product, side) => product * side, 1);
      return [name, { shape, data: new Float32Array(size).fill(PROBE + i) }];
    }),
  );
}

/** The parameter in each constant that has one's values, found by the probe's numbers. */
function slotsOf(bytes: Uint8Array, probe: NamedTensorData): Record<string, string> {
  const parameters = Object.entries(probe);
  const slots: Record<string, string> = {};
  for (const { name, rawData, dims = [] } of decodeModel(bytes).graph.initializer ?? []) {
    if (!rawData || rawData.length < 4) continue;
    const first = new DataView(rawData.buffer, rawData.byteOffset).getFloat32(0, true);
    const parameter = parameters.find(([, { data }]) => data[0] === first);
    if (!parameter) continue;
    if (dims.join() !== parameter[1].shape.join()) {
      throw new Error(`The constant ${name} is a part of the parameter ${parameter[0]}, which no template can hold`);
    }
    slots[name] = parameter[0];
  }
  return slots;
}
