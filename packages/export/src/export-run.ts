/** Exports a run's newest checkpoint and proves it: measured as users will run it, and compared with what was trained. */
import { dirname, join, resolve } from "node:path";
import { count, type Measurement, manifestMetrics, measureModel } from "@air-onnx/measure";
import { type DataAccess, heldOutChoices, loadSplits, type SceneSet } from "@air-onnx/scenes";
import type { WeightType } from "@air-onnx/tracer";
import {
  type EagerBackend,
  isSweep,
  type OnNotice,
  openSweep,
  openTrainedRun,
  type TrainConfig,
  trainingMinutes,
} from "@air-onnx/train";
import { openCheckpoint } from "./checkpoint-model.js";
import { ParityError } from "./errors.js";
import { exportModel, refuseToReplace, roundWeights } from "./export-model.js";
import type { CardDetails } from "./model-card.js";
import { checkParity, type ParityReport } from "./parity.js";

export const exportDefaults = { images: 1000, tolerance: 1e-4, backend: "wasm", weights: "float32" } as const;

export interface ExportRunOptions {
  /** The model folder; default `models/NAME`. */
  readonly out?: string | undefined;
  /** What users call the model; default the data set's name. */
  readonly name?: string | undefined;
  /** Replace a model folder that exists. Default false. */
  readonly overwrite?: boolean | undefined;
  readonly weights?: WeightType | undefined;
  /** Held-out images to compare on. */
  readonly images?: number | undefined;
  /** Allowed difference, relative for values above 1. */
  readonly tolerance?: number | undefined;
  /** TensorFlow.js backend to compare with. */
  readonly backend?: EagerBackend | undefined;
  readonly places?: DataAccess;
  /** The command that trains such a run again, for the model card. */
  readonly commandFor?: (config: TrainConfig) => string;
  /** Such as "2 cores of an AMD EPYC", for the model card. */
  readonly hardware?: string;
  /** The revision of the program that exports, if it is known. */
  readonly commit?: string | null;
  readonly onNotice?: OnNotice;
  readonly signal?: AbortSignal;
  /** Trajectories measured so far, of all. */
  readonly onMeasured?: (done: number, total: number) => void;
  /** Images compared so far, of all. */
  readonly onCompared?: (done: number, total: number) => void;
  /** Is told how far the graphs are from what was trained, also if that is too far. */
  readonly onParity?: (report: ParityReport) => void;
}

export interface ExportedRun {
  readonly directory: string;
  readonly heldOut: SceneSet;
  readonly measurement: Measurement;
  readonly parity: ParityReport;
}

/**
 * Exports the newest checkpoint of the run in `path`.
 *
 * @throws {ParityError} if the graphs differ from what was trained by more than the tolerance; nothing is exported then
 * @throws {NoCheckpointError} if the run has no checkpoint yet
 * @throws {FileError} if the model folder exists and is not to be replaced, or cannot be written
 * @throws {DataError} if the held-out images cannot be had
 */
export async function exportRun(path: string, options: ExportRunOptions = {}): Promise<ExportedRun> {
  const { weights = exportDefaults.weights, onNotice = () => {}, signal, places } = options;
  const { images = exportDefaults.images, tolerance = exportDefaults.tolerance } = options;
  const backend = options.backend ?? exportDefaults.backend;
  const trained = await openTrainedRun(path, onNotice);
  // The weights as they will be stored: what is measured and compared is what users get.
  const run = { ...trained, parameters: roundWeights(trained.parameters, weights) };
  const { config } = run.folder;
  const name = options.name ?? config.dataset;
  const directory = options.out ?? join("models", name);
  // Before the work, as nothing would come of it.
  await refuseToReplace(directory, options.overwrite === true);
  const choices = heldOutChoices(config);
  const { test: heldOut } = await loadSplits(config.dataset, ["test"], { ...choices, ...places, signal });
  // Where a user's own images are is of no use to others.
  const { path: _, ...heldOutOf } = choices;
  const measure = async (): Promise<Measurement> => {
    await using model = await openCheckpoint(run);
    return await measureModel(model, heldOut, { signal, onProgress: options.onMeasured });
  };
  const measurement = await measure();
  const minutes = await trainingMinutes(run, onNotice);
  const card: CardDetails = {
    ...(options.commandFor && { command: options.commandFor(config) }),
    ...(options.hardware !== undefined && { hardware: options.hardware }),
    ...(minutes !== undefined && { trainingMinutes: minutes }),
    ...everySeed(path),
  };
  let parity: ParityReport | undefined;
  await exportModel(
    directory,
    {
      name,
      config: config.model,
      parameters: run.parameters,
      training: {
        dataset: config.dataset,
        heldOut: heldOutOf,
        seed: config.seed,
        steps: run.checkpoint.step,
        commit: options.commit ?? null,
      },
      metrics: manifestMetrics(measurement),
    },
    {
      overwrite: options.overwrite === true,
      weights,
      card,
      verify: async (partial) => {
        parity = await checkParity(partial, config.model, run.parameters, heldOut, {
          images,
          tolerance,
          backend,
          ...(signal && { signal }),
          ...(options.onCompared && { onProgress: options.onCompared }),
        });
        options.onParity?.(parity);
        if (!parity.passed) throw new ParityError(parity);
        return { parity: paritySentence(parity) };
      },
    },
  );
  return { directory, heldOut, measurement, parity: parity! };
}

/** How the seeds went, if the run is one of a sweep's. */
function everySeed(path: string): Pick<CardDetails, "everySeed"> {
  const parent = dirname(resolve(path));
  return isSweep(parent) ? { everySeed: openSweep(parent).table() } : {};
}

/** The outcome of a comparison in one sentence. */
export function paritySentence({ images, backend, tolerance, countDisagreements }: ParityReport): string {
  return (
    `Parity on ${count(images)} held-out images: every output of onnxruntime is within ${tolerance} of TensorFlow.js ` +
    `(${backend}), relative for values above 1 and, for log-likelihoods, relative to the terms they sum, of the whole loop within ten times that; ` +
    `${countDisagreements} counts differ.`
  );
}
