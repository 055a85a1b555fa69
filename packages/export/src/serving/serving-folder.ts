/**
 * A model folder in the forms that servers take: a model repository of the Triton Inference Server, and the manifest of a KServe
 * InferenceService with it.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ModelFileError, requireInteger } from "@air-onnx/core";
import { readModelFolder, readSceneFile } from "@air-onnx/runtime-node/open-graphs";
import { FileError, writeFileAtomic } from "@air-onnx/scenes";
import { stringify } from "yaml";
import { refuseToReplace } from "../export-model.js";
import { type TritonSettings, tritonConfig } from "./triton-config.js";

/** Servers for which a model can be written. */
export const servingTargets = ["triton", "kserve"] as const;
/** Server for which a model is written. */
export type ServingTarget = (typeof servingTargets)[number];

/** Options of {@link writeServingFolder}. */
export interface ServingOptions extends TritonSettings {
  /** What serves the model. */
  readonly target: ServingTarget;
  /**
   * Where the cluster will find the model repository, such as `s3://bucket/model_repository` or `pvc://claim/model_repository`;
   * for `kserve` alone, which needs it.
   */
  readonly storageUri?: string | undefined;
  /** Stops the work; nothing is written then. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link writeServingFolder} wrote. */
export interface ServedModel {
  /** Name by which the server knows the model. */
  readonly name: string;
  /** Paths of the files, in the folder. */
  readonly files: readonly string[];
}

/**
 * Writes the scene file of a model folder for a server.
 *
 * - `triton`: the folder is a model repository, `NAME/config.pbtxt` and `NAME/1/model.onnx`;
 * - `kserve`: `model_repository` in the folder is one, and `inference-service.yaml` says how KServe runs it, by protocol v2.
 *
 * The folder appears when it is complete.
 *
 * @param source the model folder
 * @param directory a new folder
 * @throws {ModelFileError} if the source is no whole model folder, or has no scene file
 * @throws {OutputFolderError} if the folder exists
 * @throws {FileError} if it cannot be written
 * @throws {RangeError} for an invalid option
 */
export async function writeServingFolder(
  source: string,
  directory: string,
  { target, storageUri, signal, ...settings }: ServingOptions,
): Promise<ServedModel> {
  if (settings.maxBatchSize !== undefined) requireInteger("maxBatchSize", settings.maxBatchSize, 1);
  if (settings.maxQueueDelay !== undefined) requireInteger("maxQueueDelay", settings.maxQueueDelay, 0);
  if (target === "kserve" && !/^[a-z][a-z0-9+.-]*:\/\/[^\s"]+$/.test(storageUri ?? "")) {
    throw new RangeError(
      `storageUri must say where the cluster finds the model repository, such as s3://bucket/model_repository, got ${storageUri === undefined ? "none" : `"${storageUri}"`}`,
    );
  }
  await refuseToReplace(directory, "never");
  const reading = { verify: true, signal };
  const { manifest } = await readModelFolder(source, { verify: true, ...(signal && { signal }) });
  const scene = await readSceneFile(source, manifest, reading);
  if (scene === undefined) {
    throw new ModelFileError(
      `${source} has no onnx/scene.onnx, the graph that servers run: ${
        manifest.preprocessing === undefined
          ? "convert the model folder, which adds it"
          : "models whose images are preprocessed have none"
      }`,
      { kind: "graph", file: source },
    );
  }
  const name = servedName(manifest.name);
  const repository = target === "kserve" ? "model_repository/" : "";
  const files: Readonly<Record<string, string | Uint8Array>> = {
    [`${repository}${name}/1/model.onnx`]: scene,
    [`${repository}${name}/config.pbtxt`]: tritonConfig(name, scene, settings),
    ...(target === "kserve" && { "inference-service.yaml": stringify(inferenceService(name, storageUri!)) }),
  };
  signal?.throwIfAborted();
  await writeAll(directory, files);
  return { name, files: Object.keys(files) };
}

/** A name that is a folder's, and a label in DNS, as Kubernetes asks of names: the one of the manifest is not trusted. */
function servedName(name: string): string {
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "");
  return label || "air-model";
}

function inferenceService(name: string, storageUri: string): object {
  return {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name },
    spec: {
      predictor: {
        model: {
          modelFormat: { name: "onnx" },
          protocolVersion: "v2",
          // Of the runtimes that KServe brings, the one that reads a model repository.
          runtime: "kserve-tritonserver",
          storageUri,
          resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "2", memory: "2Gi" } },
        },
      },
    },
  };
}

async function writeAll(directory: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const partial = `${directory.replace(/[/\\]+$/, "")}~partial-${process.pid}`;
  try {
    await rm(partial, { recursive: true, force: true });
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(partial, path)), { recursive: true });
      await writeFileAtomic(join(partial, path), content);
    }
    await rename(partial, directory);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    if (cause instanceof FileError) throw cause;
    throw new FileError(
      `Cannot write ${directory}: ${cause instanceof Error ? cause.message : String(cause)}`,
      directory,
      {
        cause,
      },
    );
  }
}
