/**
 * The export of a run's newest checkpoint: measured in onnxruntime on held-out images, and compared with the trained
 * model.
 */
import { dirname, join, resolve } from "node:path";
import { type AirConfig, ConfigError, parseAirConfig, type TrainedFit } from "@air-onnx/core";
import { count, type Measurement, manifestMetrics, measureModel } from "@air-onnx/measure";
import {
  type DataAccess,
  type DatasetChoices,
  type DatasetName,
  heldOutChoices,
  imagesName,
  loadSplits,
  preprocessSource,
  type SceneSet,
} from "@air-onnx/scenes";
import {
  collapseAlerts,
  type EagerBackend,
  isSweep,
  type OnNotice,
  openSweep,
  openTrainedRun,
  readAlerts,
  readMetrics,
  type TrainConfig,
  type TrainedRun,
  trainingMinutes,
} from "@air-onnx/train";
import { openCheckpoint } from "./checkpoint-model.js";
import { CollapsedRunError, ParityError } from "./errors.js";
import { clearKilledExports, defaultForm, exportModel, refuseToReplace } from "./export-model.js";
import type { CardDetails } from "./model-card.js";
import type { FileForm } from "./model-graphs.js";
import { checkParity, type ParityReport } from "./parity.js";
import { fitScore } from "./score.js";
import { roundWeights } from "./stored-weights.js";
import { fitTypicality } from "./typicality.js";

/** Defaults of {@link ExportRunOptions}. */
export const exportDefaults = { images: 1000, tolerance: 1e-4, backend: "wasm", ...defaultForm } as const;

/** Options of {@link exportRun}. */
export interface ExportRunOptions {
  /** Path of the model folder; `models/NAME` by default. */
  readonly out?: string | undefined;
  /** Name of the model for users; the name of its images by default, see `imagesName` of @air-onnx/scenes. */
  readonly name?: string | undefined;
  /** Whether to replace an existing model folder; false by default. */
  readonly overwrite?: boolean | undefined;
  /** Whether to export a run whose last evaluation shows that it does not count; false by default. */
  readonly force?: boolean | undefined;
  /** Most objects that the exported model looks for; those of the run's model by default. */
  readonly maxSteps?: number | undefined;
  /** Side of the images of the exported model, pixels; that of the run by default. Only local step networks allow another. */
  readonly imageSize?: number | undefined;
  /** Held-out images to measure and compare on; those of the run by default. They are of the exported model's side. */
  readonly heldOut?: { readonly dataset: DatasetName; readonly choices: DatasetChoices } | undefined;
  /** Type of the stored weights; `float32` by default. */
  readonly weights?: FileForm["weights"] | undefined;
  /** Opset of the graphs; 21 by default. */
  readonly opset?: FileForm["opset"] | undefined;
  /** Form of the images that `onnx/scene.onnx` takes; `float32` by default. */
  readonly input?: FileForm["input"] | undefined;
  /** SPDX expression of the model's licence. */
  readonly license?: string | undefined;
  /** Number of held-out images for the parity check. */
  readonly images?: number | undefined;
  /** Tolerance of the parity check; see `ParityOptions`. */
  readonly tolerance?: number | undefined;
  /** TensorFlow.js backend that onnxruntime is compared with. */
  readonly backend?: EagerBackend | undefined;
  /** Where the held-out images are read from. */
  readonly places?: DataAccess;
  /** Returns the command that trains a run with this configuration, for the model card. */
  readonly commandFor?: (config: TrainConfig) => string;
  /** Hardware that the run was trained on, such as "2 cores of an AMD EPYC", for the model card. */
  readonly hardware?: string;
  /** Revision of the exporting program; null, the default, if it is unknown. */
  readonly commit?: string | null;
  /** Called with sentences for the user, such as about a checkpoint that cannot be used. */
  readonly onNotice?: OnNotice;
  /** Stops the export; nothing is written then. */
  readonly signal?: AbortSignal;
  /** Called with the number of measured trajectories, and how many there are in total. */
  readonly onMeasured?: (done: number, total: number) => void;
  /** Called with the number of compared images, and how many there are in total. */
  readonly onCompared?: (done: number, total: number) => void;
  /** Called with the result of the parity check, passed or not. */
  readonly onParity?: (report: ParityReport) => void;
}

/** Result of {@link exportRun}. */
export interface ExportedRun {
  /** Path of the model folder. */
  readonly directory: string;
  /** The held-out images that the model was measured on. */
  readonly heldOut: SceneSet;
  /** All measures of the model on the held-out images. */
  readonly measurement: Measurement;
  /** Result of the parity check. */
  readonly parity: ParityReport;
}

/**
 * Exports the newest checkpoint of the run in `path`: measures it on the held-out images, fits to them what it calls
 * typical and how its scores follow from what it finds, checks the parity of the exported graphs with the trained model, and writes the model folder.
 *
 * @throws {ParityError} if the graphs differ from the trained model by more than the tolerance; nothing is exported
 *   then
 * @throws {CollapsedRunError} if the run's last evaluation shows that it does not count, and `force` is false
 * @throws {NoCheckpointError} if the run has no checkpoint yet
 * @throws {CheckpointError} if none of its checkpoints can be used
 * @throws {FileError} if there is no run in `path`, or the model folder exists and `overwrite` is false, or cannot be
 *   written
 * @throws {DataError} if the held-out images cannot be read or downloaded
 */
export async function exportRun(path: string, options: ExportRunOptions = {}): Promise<ExportedRun> {
  const { weights = exportDefaults.weights, opset, input, license, onNotice = () => {}, signal, places } = options;
  const { images = exportDefaults.images, tolerance = exportDefaults.tolerance } = options;
  const backend = options.backend ?? exportDefaults.backend;
  const trained = await openTrainedRun(path, onNotice);
  // The model is measured and compared with the weights as they will be stored.
  const run = { ...trained, parameters: roundWeights(trained.parameters, weights) };
  const { config } = run.folder;
  const model = exportedModel(config.model, options);
  const name = options.name ?? imagesName(config);
  const directory = options.out ?? join("models", name);
  await clearKilledExports(directory, onNotice);
  // Checked first, before minutes of measuring.
  await refuseToReplace(directory, options.overwrite === true);
  await refuseCollapsed(path, trained, options.force === true, onNotice);
  const { dataset, choices } = options.heldOut ?? {
    dataset: config.dataset,
    choices: heldOutChoices({ ...config, model }),
  };
  const { test: heldOut } = await loadSplits(dataset, ["test"], { ...choices, ...places, signal });
  // Where a user's own images are is of no use to others, and stays out of the manifest.
  const { path: _, imagesKey: __, countsKey: ___, ...given } = choices;
  const { pictures } = heldOut;
  const heldOutOf = { ...given, ...(pictures && fitOf(pictures, heldOut.imageSize)) };
  const measure = async () => {
    await using opened = await openCheckpoint(run, model);
    const measurement = await measureModel(opened, heldOut, { signal, onProgress: options.onMeasured });
    const fitting = { onNotice, ...(signal && { signal }) };
    const prepared = config.preprocessing ? preprocessSource(heldOut, config.preprocessing) : heldOut;
    const typicality = await fitTypicality(opened.behindPreprocessing, prepared, fitting);
    return { measurement, typicality, score: await fitScore(opened, heldOut, fitting) };
  };
  const { measurement, typicality, score } = await measure();
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
      config: model,
      parameters: run.parameters,
      training: {
        dataset,
        heldOut: heldOutOf,
        seed: config.seed,
        steps: run.checkpoint.step,
        commit: options.commit ?? null,
      },
      metrics: manifestMetrics(measurement),
      preprocessing: config.preprocessing ?? undefined,
      pictures,
      typicality,
      score,
    },
    {
      overwrite: options.overwrite === true,
      weights,
      ...(opset !== undefined && { opset }),
      ...(input !== undefined && { input }),
      license,
      card,
      onNotice,
      verify: async (partial) => {
        parity = await checkParity(partial, model, run.parameters, heldOut, {
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

/** The options by which other pictures become images as these did, whatever their own sizes and objects would suggest. */
function fitOf({ fit, scale = 1 }: TrainedFit, imageSize: number): DatasetChoices {
  return { fit, fitSize: imageSize, ...(fit === "tiles" && { fitScale: scale }) };
}

/**
 * The model to export: the run's, with other images or more steps where its parameters allow that.
 *
 * @throws {ConfigError} if they do not, or the result is not a valid model
 */
function exportedModel(
  trained: AirConfig,
  { maxSteps = trained.maxSteps, imageSize = trained.imageSize }: Pick<ExportRunOptions, "maxSteps" | "imageSize">,
): AirConfig {
  if (imageSize !== trained.imageSize && trained.stepNetwork.type !== "local") {
    const message = `must be ${trained.imageSize}, as in training: only a local step network takes images of another side`;
    throw new ConfigError(
      `The model cannot be exported for images of ${imageSize}x${imageSize}: imageSize ${message}`,
      {
        source: "model configuration",
        issues: [{ kind: "invalid", key: "imageSize", message }],
      },
    );
  }
  return parseAirConfig({ ...trained, maxSteps, imageSize });
}

/**
 * Refuses a run whose last evaluation up to the checkpoint has an alert of `collapseAlerts`.
 *
 * @throws {CollapsedRunError} unless `force`
 */
async function refuseCollapsed(
  path: string,
  { folder: { metricsFile }, checkpoint }: TrainedRun,
  force: boolean,
  onNotice: OnNotice,
): Promise<void> {
  const evaluations = (await readMetrics(metricsFile, onNotice)).filter(
    ({ kind, step }) => kind === "evaluation" && step <= checkpoint.step,
  );
  const last = evaluations.at(-1)?.step;
  const alerts = (await readAlerts(metricsFile, () => {})).filter(
    ({ step, alert }) => step === last && collapseAlerts.includes(alert),
  );
  if (alerts.length === 0) return;
  if (!force) throw new CollapsedRunError(path, alerts);
  for (const { message } of alerts) onNotice(`Exported though the run has not learned to count: ${message}`);
}

/** The table of all seeds, if the run belongs to a sweep. */
function everySeed(path: string): Pick<CardDetails, "everySeed"> {
  const parent = dirname(resolve(path));
  return isSweep(parent) ? { everySeed: openSweep(parent).table() } : {};
}

/** The result of a parity check in one sentence, for the model card. */
export function paritySentence({ images, backend, tolerance, countDisagreements, equalPlaces }: ParityReport): string {
  const places =
    equalPlaces > 0
      ? ` In ${count(equalPlaces)} steps they took different ones of several places that look alike.`
      : "";
  return (
    `Parity on ${count(images)} held-out images: every output of onnxruntime is within ${tolerance} of TensorFlow.js ` +
    `(${backend}), relative for values above 1 and, for log-likelihoods, relative to the terms they sum, of the whole loop within ten times that; ` +
    `${countDisagreements} counts differ.${places}`
  );
}
