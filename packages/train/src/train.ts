/**
 * The training loop: batches → engine → metrics, pictures and checkpoints, until the configured number of steps.
 */
import { ConfigError } from "@air-onnx/core";
import { type Evaluation, loggedNumbers } from "@air-onnx/measure";
import { encodePng, isBrought, type LabelledImages, type TrainingData, writeFileAtomic } from "@air-onnx/scenes";
import type { Explanation, NamedArrays, NamedTensorData, TrainingState } from "@air-onnx/trainer";
import { findAlerts } from "./alerts.js";
import { Batches } from "./batches.js";
import { Composer } from "./composition/composer.js";
import { findCutOuts, LEAST_CUT_OUTS } from "./composition/cut-outs.js";
import type { TrainConfig } from "./config.js";
import { type Stage, stageAt } from "./curriculum.js";
import { createEngine } from "./engine/create.js";
import type { StepInputs } from "./engine/engine.js";
import { DivergedError } from "./errors.js";
import { Evaluator } from "./evaluate.js";
import { checkpointShapes, initialState } from "./initial-state.js";
import type { ComposedBatch } from "./objective/estimator.js";
import {
  type AlertKind,
  type AlertRecord,
  EventFile,
  keepNewestCheckpoints,
  loadCutOuts,
  loadNewestCheckpoint,
  MetricsLog,
  type MetricsRecord,
  metricsCsv,
  missingReports,
  nextReport,
  type OnNotice,
  type RunFolder,
  saveCheckpoint,
  saveCutOuts,
} from "./run/index.js";
import { explanationPicture, PICTURE, trainingImagesPicture } from "./run-pictures.js";
import { Stopwatch } from "./stopwatch.js";

/** An event of a run, for progress displays. */
export type TrainEvent =
  | { readonly type: "start"; readonly engine: string; readonly step: number; readonly parameters: number }
  | {
      readonly type: "progress";
      /** Number of steps done, of `steps`. */
      readonly step: number;
      readonly steps: number;
      /** Means over the steps since the last event of this type. */
      readonly metrics: Readonly<Record<string, number>>;
      /** Steps in a second of training time (see {@link TrainResult.trainingSeconds}) since the last event of this type. */
      readonly stepsPerSecond: number;
      /** Training time that the rest of the steps takes if they are as fast as those of this call, seconds. */
      readonly secondsLeft: number;
    }
  | { readonly type: "evaluation"; readonly step: number; readonly evaluation: Evaluation; readonly picture: string }
  | { readonly type: "checkpoint"; readonly step: number; readonly file: string }
  /** The user's own images as the model sees them, before the first step. */
  | { readonly type: "training-images"; readonly picture: string }
  /** What the model finds in held-out images, before the first evaluation. */
  | { readonly type: "first-picture"; readonly step: number; readonly picture: string }
  | {
      /** From now on a part of each batch is composed. */
      readonly type: "composition";
      readonly step: number;
      /** Number of objects cut out of training images, of which images are composed. */
      readonly cutOuts: number;
      /** Composed images of a batch. */
      readonly images: number;
      /** Most objects of a composed image. */
      readonly objects: number;
    }
  | {
      readonly type: "alert";
      readonly step: number;
      readonly alert: AlertKind;
      /** What was seen, and what to try, in one line. */
      readonly message: string;
    };

/** Options of {@link train}. */
export interface TrainOptions {
  /** Called at each event of the run. */
  readonly onEvent?: (event: TrainEvent) => void;
  /** Called with sentences for the user: repaired files, and fallbacks that were taken. */
  readonly onNotice?: OnNotice;
  /** Stops the run after the current call of the engine and saves a checkpoint. */
  readonly signal?: AbortSignal;
  /** Whether to continue from the run's newest checkpoint. False, the default, starts from the beginning. */
  readonly resume?: boolean;
}

/** Result of {@link train}. */
export interface TrainResult {
  /** Number of training steps done since the start of the run. */
  readonly step: number;
  /** Whether the run is complete; false if the signal stopped it. */
  readonly finished: boolean;
  /** Evaluation on all held-out images; undefined if the run is not complete. */
  readonly evaluation: Evaluation | undefined;
  /**
   * Wall time that this call trained for, seconds: drawing the inputs of the steps, the steps themselves, and reporting
   * them, up to the last report. Loading, evaluations, pictures and checkpoints are not in it.
   */
  readonly trainingSeconds: number;
  /** Path of the last picture of held-out images; undefined if this call drew none. */
  readonly picture: string | undefined;
  /** Alerts of the last evaluation. */
  readonly alerts: readonly AlertRecord[];
}

/** Number of checkpoints kept in a run folder: the newest, and one to fall back to. */
const KEPT_CHECKPOINTS = 2;
/** Training steps before the first picture of what the model finds, unless an evaluation comes sooner. */
const FIRST_PICTURE = 100;

/**
 * Trains the run in `folder` until the configured number of steps is done or the signal is aborted.
 *
 * @param folder the run's folder; the caller holds its lock
 * @param dataset training and held-out images
 * @throws {ConfigError} if the images are not of the size and channels of the model
 * @throws {DivergedError} if the loss or another metric is not finite
 * @throws {BackendUnavailableError} if the configuration's backend cannot run on this machine
 * @throws {CheckpointError} if the run is to be resumed and none of its checkpoints can be used
 */
export async function train(
  folder: RunFolder,
  dataset: TrainingData,
  options: TrainOptions = {},
): Promise<TrainResult> {
  const { config } = folder;
  const { onEvent = () => {}, onNotice = () => {}, signal } = options;
  refuseOtherImages(config, dataset);
  const log = await MetricsLog.open(folder.metricsFile, onNotice);
  let { step, state, records }: Position = await startingState(folder, log, options);
  let lastCheckpoint = step > 0 ? step : undefined;
  const events = await EventFile.begin(folder.tensorboard, step);
  const record = (entry: MetricsRecord): void => {
    log.append(entry);
    events.record(entry);
    records.push(entry);
  };

  const parameterCount = Object.values(state!.parameters).reduce((sum, { data }) => sum + data.length, 0);
  let started = false;
  let trainingSeconds = 0;
  let stepsHere = 0;
  let evaluation: Evaluation | undefined;
  let picture: string | undefined;
  let alerts: readonly AlertRecord[] = [];

  const draw = async (evaluator: Evaluator, parameters: NamedTensorData): Promise<Explanation[]> => {
    picture = folder.pictureFile(step);
    const explanations = await explainFirst(evaluator, parameters, dataset.test);
    const sheet = explanationPicture(explanations, dataset.test);
    const png = encodePng(sheet);
    await writeFileAtomic(picture, png);
    events.picture(step, "evaluation/reconstructions", { png, width: sheet.width, height: sheet.height });
    return explanations;
  };
  const evaluate = async (evaluator: Evaluator, parameters: NamedTensorData): Promise<void> => {
    const images = step === config.steps ? {} : { images: config.evaluateImages };
    evaluation = await evaluator.evaluate(parameters, dataset.test, images);
    record({ step, kind: "evaluation", ...loggedNumbers(evaluation), trainingSeconds });
    const explanations = await draw(evaluator, parameters);
    onEvent({ type: "evaluation", step, evaluation, picture: picture! });
    const windowSides = explanations.flatMap(({ zWhere }) => zWhere.map(([s]) => config.model.imageSize / Math.abs(s)));
    alerts = findAlerts(config, { step, evaluation, windowSides, records });
    for (const found of alerts) {
      log.append(found);
      onEvent({ type: "alert", step, alert: found.alert, message: found.message });
    }
  };
  const composerOf = async (
    { config, begin }: Stage,
    composed: ComposedBatch,
    evaluator: Evaluator,
    parameters: NamedTensorData,
  ): Promise<Composer | undefined> => {
    const isNew = step === begin;
    const cutOuts = isNew
      ? await findCutOuts(evaluator, parameters, dataset.train)
      : await loadCutOuts(folder.cutOutsFile, begin);
    if (isNew) await saveCutOuts(folder.cutOutsFile, begin, cutOuts);
    if (cutOuts.length < LEAST_CUT_OUTS) {
      onNotice(
        `No images are composed: after step ${begin} the model was sure of only ${cutOuts.length} objects that stand alone in ` +
          `training images, and ${LEAST_CUT_OUTS} are needed. It may not count beyond the training images; more steps may help.`,
      );
      return undefined;
    }
    if (isNew) onEvent({ type: "composition", step, cutOuts: cutOuts.length, ...composed });
    return new Composer(config, composed, cutOuts);
  };
  const checkpoint = async (state: TrainingState): Promise<void> => {
    // Before it: a checkpoint whose reports are lost would leave a gap for ever.
    await log.sync();
    const file = await saveCheckpoint(folder, { step, ...state });
    await keepNewestCheckpoints(folder, KEPT_CHECKPOINTS);
    lastCheckpoint = step;
    onEvent({ type: "checkpoint", step, file });
  };

  if (step === 0 && isBrought(config.dataset)) {
    await writeFileAtomic(folder.trainingImagesFile, encodePng(trainingImagesPicture(config, dataset.train)));
    onEvent({ type: "training-images", picture: folder.trainingImagesFile });
  }
  do {
    const stage = stageAt(config, step);
    await using evaluator = await Evaluator.create(stage.evaluated, { threads: config.threads });
    const composer = stage.composed && (await composerOf(stage, stage.composed, evaluator, state!.parameters));
    const batches = new Batches(stage.config, dataset.train, composer);
    await using engine = await createEngine(stage.config, state!, composer?.batch);
    // The engine holds the state now. A second copy would only take memory.
    state = undefined;
    if (!started) onEvent({ type: "start", engine: engine.name, step, parameters: parameterCount });
    started = true;
    let inputs: StepInputs | undefined;
    const stopwatch = new Stopwatch();
    while (step < stage.end && !signal?.aborted) {
      inputs = batches.next(step, Math.min(stage.end, nextReport(step, config)) - step, inputs);
      const metrics = await engine.run(inputs);
      refuseNonFinite(metrics, step, lastCheckpoint);
      step += inputs.steps;
      stepsHere += inputs.steps;

      const means = Object.fromEntries(Object.entries(metrics).map(([name, values]) => [name, mean(values)]));
      const seconds = stopwatch.lap();
      trainingSeconds += seconds;
      record({
        step,
        kind: "train",
        ...means,
        learningRate: batches.learningRate(step),
        // The sum of these times is the training time of a run that was stopped and resumed.
        millisecondsPerStep: (seconds * 1000) / inputs.steps,
      });
      onEvent({
        type: "progress",
        step,
        steps: config.steps,
        metrics: means,
        stepsPerSecond: inputs.steps / seconds,
        secondsLeft: ((config.steps - step) * trainingSeconds) / stepsHere,
      });

      const last = step === config.steps;
      if (last || step % config.evaluateEvery === 0) {
        await stopwatch.pause(async () => evaluate(evaluator, (await engine.state()).parameters));
      } else if (step >= FIRST_PICTURE && step - inputs.steps < FIRST_PICTURE && step < config.evaluateEvery) {
        await stopwatch.pause(async () => draw(evaluator, (await engine.state()).parameters));
        onEvent({ type: "first-picture", step, picture: picture! });
      }
      if (last || step % config.checkpointEvery === 0) {
        await stopwatch.pause(async () => checkpoint(await engine.state()));
      }
      // onnxruntime blocks the thread while it runs: signal handlers and the user interface get their turn here.
      await new Promise((resolve) => setImmediate(resolve));
    }
    state = await engine.state();
    // A run that was complete when it was resumed has no evaluation yet.
    if (step === config.steps) evaluation ??= await evaluator.evaluate(state.parameters, dataset.test);
  } while (step < config.steps && !signal?.aborted);
  const finished = step === config.steps;
  if (!finished && lastCheckpoint !== step) await checkpoint(state!);
  await writeFileAtomic(folder.metricsTable, metricsCsv(records));
  return { step, finished, evaluation: finished ? evaluation : undefined, trainingSeconds, picture, alerts };
}

/**
 * Number of training steps done, the state after them, and what was reported up to there; the state is undefined while an
 * engine holds it.
 */
interface Position {
  step: number;
  state: TrainingState | undefined;
  records: MetricsRecord[];
}

async function startingState(
  folder: RunFolder,
  log: MetricsLog,
  { resume = false, onNotice = () => {} }: TrainOptions,
): Promise<Position> {
  const { config } = folder;
  const checkpoint = resume ? await loadNewestCheckpoint(folder, checkpointShapes, onNotice) : undefined;
  if (!checkpoint) {
    if (resume) onNotice("The run has no checkpoint yet: starting from the beginning.");
    await log.truncateAfter(0);
    return { step: 0, state: initialState(config), records: [] };
  }
  const records = await log.truncateAfter(checkpoint.step);
  const missing = missingReports(records, checkpoint.step, config);
  if (missing.length > 0) {
    onNotice(
      `${folder.metricsFile} lacks reports that were written before the checkpoint of step ${checkpoint.step} (` +
        `${missing.join("; ")}). They are lost: learning curves have gaps there, and the training time is not exact.`,
    );
  }
  const { step, parameters, firstMoment, secondMoment } = checkpoint;
  return { step, state: { parameters, firstMoment, secondMoment }, records };
}

function refuseOtherImages(config: TrainConfig, dataset: TrainingData): void {
  const { imageSize, channels } = config.model;
  for (const scenes of [dataset.train, dataset.test]) {
    if (scenes.imageSize === imageSize && scenes.channels === channels) continue;
    throw new ConfigError(
      `The model takes images of ${imageSize}x${imageSize} with ${channels} channel(s), but those of ${dataset.name} are ` +
        `${scenes.imageSize}x${scenes.imageSize} with ${scenes.channels}: change model.imageSize and model.channels`,
      {
        source: "training configuration",
        issues: [
          { kind: "invalid", key: "model.imageSize", message: `must be ${scenes.imageSize}` },
          { kind: "invalid", key: "model.channels", message: `must be ${scenes.channels}` },
        ],
      },
    );
  }
}

function refuseNonFinite(metrics: NamedArrays, done: number, lastCheckpoint: number | undefined): void {
  const steps = Object.values(metrics)[0]!.length;
  for (let k = 0; k < steps; k++) {
    for (const [name, values] of Object.entries(metrics)) {
      if (!Number.isFinite(values[k])) throw new DivergedError(done + k + 1, name, values[k]!, lastCheckpoint);
    }
  }
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The model's explanations of the held-out images that a picture shows. */
function explainFirst(
  evaluator: Evaluator,
  parameters: NamedTensorData,
  scenes: LabelledImages,
): Promise<Explanation[]> {
  return evaluator.explain(parameters, scenes, 0, Math.min(PICTURE.images, scenes.size));
}
