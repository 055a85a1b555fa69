/** A trained state as a model folder: the graphs with the learned weights put in, and the manifest. */
import {
  MANIFEST_FILE,
  MANIFEST_VERSION,
  type Manifest,
  manifestSchema,
  parseWith,
  withConstantValues,
} from "@air-onnx/core";
import { TrainingFileError } from "./errors.js";
import { canHash, sha256Of } from "./hash.js";
import type { TrainingManifest } from "./training-manifest.js";
import type { NamedTensorData } from "./training-state.js";

/** Files of a model folder by their paths. */
export type ModelFolder = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** What a model folder says of the training. */
export interface ModelFacts {
  /** Seed of the training. */
  readonly seed: number;
  /** Steps that were done. */
  readonly steps: number;
  /** Measures on held-out images, by the keys of the manifest's `metrics`. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Name of the model; that of the training by default. */
  readonly name?: string | undefined;
}

/**
 * Makes the files of a model folder: `config.json`, `onnx/*.onnx` and `README.md`.
 *
 * @param templates the graphs without weights, by the names in the manifest
 * @throws {TrainingFileError} if a template lacks a constant that the manifest names, or hashes cannot be computed here
 */
export async function modelFolder(
  training: TrainingManifest,
  templates: Readonly<Record<string, Uint8Array>>,
  parameters: NamedTensorData,
  { seed, steps, metrics, name = training.name }: ModelFacts,
): Promise<ModelFolder> {
  if (!canHash()) {
    throw new TrainingFileError(
      `A model folder has hashes, which need a secure page: open it over https or from localhost`,
      MANIFEST_FILE,
    );
  }
  const folder = new Map<string, Uint8Array<ArrayBuffer>>();
  const entries = await Promise.all(
    Object.entries(training.graphs).map(async ([graph, { file, weights }]) => {
      const values = Object.entries(weights).map(
        ([constant, parameter]) => [constant, parameters[parameter]!.data] as const,
      );
      let bytes: Uint8Array<ArrayBuffer>;
      try {
        bytes = withConstantValues(templates[graph]!, new Map(values));
      } catch (cause) {
        throw new TrainingFileError(`${file.path} is not the ${graph} graph of this training`, file.path, { cause });
      }
      const path = `onnx/${graph}.onnx`;
      folder.set(path, bytes);
      const entry = { path, size: bytes.length, sha256: await sha256Of(bytes) };
      return [graph, graph === "scene" ? { ...entry, input: "float32" } : entry] as const;
    }),
  );
  const manifest = parseWith(
    manifestSchema,
    {
      format: "air-onnx",
      formatVersion: MANIFEST_VERSION,
      name,
      model: training.model,
      normalisation: training.normalisation,
      opset: training.opset,
      weights: "float32",
      files: Object.fromEntries(entries),
      training: { dataset: training.data.dataset, seed, steps, commit: null, exportedAt: new Date().toISOString() },
      metrics,
    },
    "manifest",
  );
  const text = new TextEncoder();
  folder.set(MANIFEST_FILE, text.encode(`${JSON.stringify(manifest, null, 2)}\n`));
  folder.set("README.md", text.encode(card(manifest)));
  return folder;
}

/** The model card, Markdown. */
function card({ name, training, metrics, model }: Manifest): string {
  const { countAccuracyMap, elbo } = metrics;
  const measures = [
    ...(countAccuracyMap === undefined ? [] : [`- right counts: ${(100 * countAccuracyMap).toFixed(1)} %`]),
    ...(elbo === undefined ? [] : [`- ELBO: ${elbo.toFixed(1)} nats per image`]),
  ];
  return `# ${name}

An Attend-Infer-Repeat model for images of ${model.imageSize}x${model.imageSize} pixels with ${model.channels} channel(s) and up to
${model.maxSteps} objects. Trained with the training graphs of AIR-ONNX: data set ${training.dataset}, seed ${training.seed},
${training.steps} steps.
${measures.length === 0 ? "" : `\nOn held-out images:\n\n${measures.join("\n")}\n`}
Open this folder with \`AirModel.fromPretrained\` of @air-onnx/runtime-node or @air-onnx/runtime-web, or with the command
line of AIR-ONNX.
`;
}
