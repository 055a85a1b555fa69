/// <reference lib="esnext.disposable" preserve="true" />
/** Trains a model with an ONNX runtime alone: batches, noise, schedules, state, evaluations and checkpoints. */
import { freeBuffers, graphFault, integrityFault, type ManifestFile, mapCount } from "@air-onnx/core";
import { TrainerCheckpointError, TrainingDivergedError, TrainingFileError } from "./errors.js";
import { EvaluationGraph, type Explanation } from "./evaluation-graph.js";
import { canHash, sha256Of } from "./hash.js";
import { drawParameters } from "./initial-parameters.js";
import { type ModelFacts, type ModelFolder, modelFolder } from "./model-folder.js";
import { type DrawImages, stepInputs } from "./step-inputs.js";
import { runTrainingLoop, type TrainingSession } from "./training-loop.js";
import type { TrainingManifest, TrainingStage } from "./training-manifest.js";
import { eachPart, type NamedArrays, stateBeforeTraining, stateParts, type TrainingState } from "./training-state.js";

/** A training that was stopped: plain data that can be stored and cloned. */
export interface TrainerCheckpoint {
  /** Seed of the training. */
  readonly seed: number;
  /** Number of steps done. */
  readonly step: number;
  /** Hash of the first stage's graph: a checkpoint goes on with the files that it was made with. */
  readonly graph: string;
  /** The state after these steps. */
  readonly state: TrainingState;
}

/** Options of {@link Trainer.open}. */
export interface TrainerOptions {
  /** The training manifest. */
  readonly manifest: TrainingManifest;
  /** Reads a file that the manifest names, by its path. */
  readonly readFile: (path: string) => Promise<Uint8Array<ArrayBuffer>>;
  /** Opens a graph in an ONNX runtime. */
  readonly createSession: (graph: Uint8Array) => Promise<TrainingSession>;
  /** Draws training images. */
  readonly drawImages: DrawImages;
  /** Seed of the initial parameters and the noise; that of the checkpoint if there is one. Default 0. */
  readonly seed?: number;
  /** The training to go on with. Without it, training starts from the beginning. */
  readonly checkpoint?: TrainerCheckpoint | undefined;
}

/** Measures of the model on images, while it is trained. */
export interface TrainerEvaluation {
  /** Mean evidence lower bound per image, nats. */
  readonly elbo: number;
  /** Share of images whose most probable count is right, from 0 to 1. */
  readonly countAccuracyMap: number;
}

/** A stage whose graph is open. */
interface OpenStage {
  readonly of: TrainingStage;
  readonly session: TrainingSession;
}

/** Images of one call of the evaluation graph. */
const EVALUATION_BATCH = 50;

/** A training in progress. Its calls run one after the other. Dispose of it to free its sessions. */
export class Trainer implements AsyncDisposable {
  /** The training manifest. */
  readonly manifest: TrainingManifest;
  /** Seed of the initial parameters and the noise. */
  readonly seed: number;
  readonly #options: TrainerOptions;
  readonly #evaluation: EvaluationGraph;
  #state: TrainingState;
  /** Whether someone else may hold the arrays of the state. */
  #isShared = true;
  #step: number;
  #stage: OpenStage | undefined;
  #inputs: NamedArrays | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    options: TrainerOptions,
    { seed, step, state }: Pick<TrainerCheckpoint, "seed" | "step" | "state">,
    evaluation: EvaluationGraph,
  ) {
    this.manifest = options.manifest;
    this.#options = options;
    this.seed = seed;
    this.#step = step;
    this.#state = state;
    this.#evaluation = evaluation;
  }

  /**
   * Opens a training: from the beginning, or where a checkpoint was made.
   *
   * @throws {TrainingFileError} if a file is not the one that the manifest names
   * @throws {TrainerCheckpointError} if the checkpoint does not fit
   * @throws {RangeError} if the seed is not a non-negative safe integer
   */
  static async open(options: TrainerOptions): Promise<Trainer> {
    const { manifest, seed = 0, checkpoint, createSession } = options;
    if (checkpoint) requireFit(checkpoint, manifest);
    const start = checkpoint ?? {
      seed,
      step: 0,
      state: stateBeforeTraining(drawParameters(manifest.parameters, seed)),
    };
    const session = await createSession(await readVerified(manifest.evaluation, options));
    const names = manifest.parameters.filter(({ of }) => of === "model").map(({ name }) => name);
    return new Trainer(options, start, new EvaluationGraph(manifest.model, session, names));
  }

  /** Number of steps done. */
  get step(): number {
    return this.#step;
  }

  /** Whether all steps are done. */
  get isFinished(): boolean {
    return this.#step >= this.manifest.steps;
  }

  /**
   * Trains up to `steps` steps; fewer at the end of a stage, none when all are done.
   *
   * @returns metrics of each step that was done by name, `loss` among them
   * @throws {TrainingDivergedError} if a metric is not finite; the state is that before the call
   * @throws {TrainingFileError} if the graph of a new stage is not the one that the manifest names
   */
  run(steps: number): Promise<NamedArrays> {
    return this.#alone(async () => {
      if (this.isFinished) return {};
      const { of: stage, session } = await this.#openStage();
      const done = this.#step;
      const count = Math.min(steps, stage.end - done);
      const { drawImages } = this.#options;
      this.#inputs = stepInputs(this.manifest, stage, this.seed, drawImages, done, count, this.#inputs);
      const { state, metrics } = await runTrainingLoop(session, stage, this.#state, this.#inputs, count);
      requireFinite(metrics, done);
      const past = this.#state;
      this.#state = state;
      this.#step = done + count;
      if (!this.#isShared)
        freeBuffers(stateParts.flatMap((part) => Object.values(past[part]).map(({ data }) => data.buffer)));
      this.#isShared = false;
      return metrics;
    });
  }

  /** The training so far. The arrays stay as they are when training goes on. */
  checkpoint(): Promise<TrainerCheckpoint> {
    return this.#alone(async () => {
      this.#isShared = true;
      return { seed: this.seed, step: this.#step, graph: graphOf(this.manifest), state: this.#state };
    });
  }

  /**
   * Measures the model on images whose counts are known, along one trajectory of each.
   *
   * @param images `[N, C, S, S]`, N at least 1
   * @param counts their true counts, `[N]`
   */
  evaluate(images: Float32Array, counts: ArrayLike<number>): Promise<TrainerEvaluation> {
    return this.#alone(async () => {
      const { channels, imageSize } = this.manifest.model;
      const pixels = channels * imageSize ** 2;
      let [elbo, right] = [0, 0];
      for (let i = 0; i < counts.length; i += EVALUATION_BATCH) {
        const end = Math.min(counts.length, i + EVALUATION_BATCH);
        const batch = images.subarray(i * pixels, end * pixels);
        const bounds = await this.#evaluation.bounds(this.#state.parameters, batch, { seed: 0, firstImage: i });
        bounds.forEach((bound, k) => {
          elbo += bound.elbo;
          if (mapCount(bound.countProbabilities) === counts[i + k]) right++;
        });
      }
      return { elbo: elbo / counts.length, countAccuracyMap: right / counts.length };
    });
  }

  /**
   * What the model makes of images: counts, windows and reconstructions.
   *
   * @param images `[N, C, S, S]`
   */
  explain(images: Float32Array): Promise<Explanation[]> {
    return this.#alone(() => this.#evaluation.explain(this.#state.parameters, images, { seed: 0, firstImage: 0 }));
  }

  /**
   * The model as it is now, as the files of a model folder.
   *
   * @throws {TrainingFileError} if a file is not the one that the manifest names, or hashes cannot be computed here
   */
  modelFolder(facts: Pick<ModelFacts, "metrics" | "name">): Promise<ModelFolder> {
    return this.#alone(async () => {
      const templates = await Promise.all(
        Object.entries(this.manifest.graphs).map(
          async ([graph, { file }]) => [graph, await readVerified(file, this.#options)] as const,
        ),
      );
      const own = { ...facts, seed: this.seed, steps: this.#step };
      return modelFolder(this.manifest, Object.fromEntries(templates), this.#state.parameters, own);
    });
  }

  /** Waits for running calls, then frees the sessions. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#alone(async () => {
      await this.#stage?.session.release();
      this.#stage = undefined;
      await this.#evaluation.release();
    });
  }

  async #openStage(): Promise<OpenStage> {
    const stage = this.manifest.stages.find(({ begin, end }) => begin <= this.#step && this.#step < end)!;
    if (this.#stage?.of !== stage) {
      await this.#stage?.session.release();
      this.#stage = undefined;
      const session = await this.#options.createSession(await readVerified(stage.file, this.#options));
      this.#stage = { of: stage, session };
    }
    return this.#stage;
  }

  /** Runs `work` after all work before it. */
  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** What a checkpoint calls the files that it was made with. */
function graphOf({ stages }: TrainingManifest): string {
  return stages[0]!.file.sha256;
}

async function readVerified(
  file: ManifestFile,
  { readFile }: Pick<TrainerOptions, "readFile">,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readFile(file.path);
  const size = bytes.length;
  const isRightSize = size === file.size;
  const fault = integrityFault(isRightSize && canHash() ? { size, sha256: await sha256Of(bytes) } : { size }, file);
  if (fault !== undefined)
    throw new TrainingFileError(`${file.path} ${fault}. Load the training files again`, file.path);
  // A graph must not have an ONNX runtime read other files.
  const notGraph = graphFault(bytes);
  if (notGraph !== undefined) throw new TrainingFileError(`${file.path} ${notGraph}`, file.path);
  return bytes;
}

function requireFit({ step, graph, state }: TrainerCheckpoint, manifest: TrainingManifest): void {
  if (graph !== graphOf(manifest)) {
    throw new TrainerCheckpointError("The checkpoint was made with other training files: start again");
  }
  if (!Number.isInteger(step) || step < 0 || step > manifest.steps) {
    throw new TrainerCheckpointError(`The checkpoint is of step ${step}, of ${manifest.steps}: start again`);
  }
  eachPart((part) => {
    for (const { name, shape } of manifest.parameters) {
      const length = shape.reduce((product, side) => product * side, 1);
      const data = state[part]?.[name]?.data;
      if (!(data instanceof Float32Array) || data.length !== length || !data.every(Number.isFinite)) {
        throw new TrainerCheckpointError(
          `The checkpoint's ${part} of ${name} is missing or damaged: start again`,
          name,
        );
      }
    }
  });
}

function requireFinite(metrics: NamedArrays, done: number): void {
  for (const [name, values] of Object.entries(metrics)) {
    const k = values.findIndex((value) => !Number.isFinite(value));
    if (k >= 0) throw new TrainingDivergedError(done + k + 1, name, values[k]!);
  }
}
