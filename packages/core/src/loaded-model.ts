/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A model whose sessions are open: the calls that it answers, and closing it. Each runtime opens the sessions in its own
 * way (files, downloads, devices); from then on all runtimes share this class.
 */
import type { InferenceSession } from "onnxruntime-common";
import { type InferenceOptions, inferScenes, type StepReport, type SummaryOptions } from "./attention-loop.js";
import type { AirConfig } from "./config.js";
import { ModelDisposedError } from "./errors.js";
import { type EvidenceOptions, estimateEvidence, type ImageEvidence } from "./evidence.js";
import type { GraphSession } from "./graph-run.js";
import type { GraphName } from "./graphs.js";
import { type ImageInput, type Picture, toImageBatch } from "./images.js";
import { type OptionNames, requireKnownOptions } from "./known-options.js";
import type { Manifest } from "./manifest.js";
import { inferPictures, type PictureOptions, type PictureScene } from "./picture-inference.js";
import { type PreparedBatch, prepareBatch, restoreScenes } from "./preprocessing.js";
import type { InferenceSessions } from "./recurrence.js";
import type { DecodedScene, Scene, SceneLatents, SceneSummary } from "./scene.js";
import { type DecodeOptions, decodeScenes, samplePrior, withPresencePrior } from "./scene-drawing.js";

/** The session of one graph, which can be released. */
export type OpenGraph = GraphSession & Pick<InferenceSession, "release">;
/** The open sessions of a model's graphs. */
export type ModelSessions = Readonly<Record<GraphName, OpenGraph>>;

/**
 * Opens the scene graph (`sceneGraph`), which makes inference faster; undefined if the model has none. Opening takes longer
 * than it saves in one batch, so the model opens it for the second batch that can use it.
 *
 * @param narrows whether images that need no further step leave the batch
 */
export type SceneGraphOpener = (narrows: boolean) => Promise<OpenGraph | undefined>;

/** Most images of a batch for which it does not pay that finished ones leave it. */
const SMALL_BATCH = 4;

/** Options of `sample`. */
export interface SampleOptions extends DecodeOptions {
  /** Seed of the draws, 0 by default. Scene i depends on (seed, i) only. */
  readonly seed?: number | undefined;
  /** Number of objects of every scene; drawn from the prior by default, which for the usual sparse prior is mostly 0. */
  readonly count?: number | undefined;
  /** Prior probability of one more object; the model's own by default. See `withPresencePrior`. */
  readonly presencePrior?: number | undefined;
}

const inferenceOptions: OptionNames<InferenceOptions> = {
  mode: true,
  seed: true,
  firstImage: true,
  steps: true,
  earlyStop: true,
  prune: true,
  threshold: true,
  zoom: true,
  pixels: true,
  batchSize: true,
  onStep: true,
  signal: true,
};
const pictureOptions: OptionNames<PictureOptions> = {
  fit: true,
  fitScale: true,
  mode: true,
  seed: true,
  firstImage: true,
  steps: true,
  prune: true,
  threshold: true,
  zoom: true,
  batchSize: true,
  onProgress: true,
  signal: true,
};
const evidenceOptions: OptionNames<EvidenceOptions> = {
  samples: true,
  seed: true,
  firstImage: true,
  batchSize: true,
  onProgress: true,
  signal: true,
};
const decodeOptions: OptionNames<DecodeOptions> = { batchSize: true, signal: true };
const sampleOptions: OptionNames<SampleOptions> = { ...decodeOptions, seed: true, count: true, presencePrior: true };

interface Call {
  /** Resolves when the call has settled, whether it succeeded or failed. */
  settled: Promise<unknown>;
  /** Whether the call is in its `onStep`, which may be waiting for this model to be disposed of. */
  isInOnStep: boolean;
}

/** A model whose graphs are open on one device; the runtimes' `fromPretrained` opens one. */
export class LoadedModel<Device extends string> implements AsyncDisposable {
  /** The device that the graphs really run on. */
  readonly device: Device;
  /** The model's `config.json`. */
  readonly manifest: Manifest;
  readonly #sessions: ModelSessions;
  #openSceneGraph: SceneGraphOpener | undefined;
  /** The scene graphs that are open, or undefined after one batch that could have used it: for small batches and others. */
  readonly #sceneGraphs = new Map<boolean, Promise<OpenGraph | undefined> | undefined>();
  /** Calls that have not settled. */
  readonly #running = new Set<Call>();
  #disposal: Promise<void> | undefined;
  /** Called when a call enters its `onStep` and when it settles. */
  #onCallChange: (() => void) | undefined;

  /**
   * Takes ownership of `sessions`: {@link dispose} releases them.
   *
   * @param openSceneGraph called at most once for each argument; without it, or if it returns undefined, every call runs
   *   step by step
   */
  constructor(manifest: Manifest, sessions: ModelSessions, device: Device, openSceneGraph?: SceneGraphOpener) {
    this.manifest = manifest;
    this.device = device;
    this.#sessions = sessions;
    this.#openSceneGraph = openSceneGraph;
  }

  /** The model's architecture and priors. */
  get config(): AirConfig {
    return this.manifest.model;
  }

  /**
   * Infers the scene of every image: how many objects it has, where they are, what each looks like, and whether the image
   * is like the training data. If the manifest has a `preprocessing`, reconstructions are in the pixels of the images, while
   * patches, and all that `onStep` is given, are as the model sees them: bright on black.
   *
   * @throws {ImageError} for images that this model does not take
   * @throws {RangeError} for an invalid option
   * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape
   * @throws {ModelDisposedError} after `dispose()`; a call with `onStep` that is running then ends with this error after
   *   the current step
   */
  infer(images: ImageInput, options: SummaryOptions): Promise<SceneSummary[]>;
  infer(images: ImageInput, options?: InferenceOptions): Promise<Scene[]>;
  infer(images: ImageInput, options?: InferenceOptions | SummaryOptions): Promise<SceneSummary[]>;
  infer(images: ImageInput, options: InferenceOptions | SummaryOptions = {}): Promise<SceneSummary[]> {
    return this.#use(async (call) => {
      requireKnownOptions("infer", options as InferenceOptions, inferenceOptions);
      const batch = this.#prepare(images);
      const sessions = this.#inferenceSessions();
      const onStep = options.onStep && this.#stepListener(call, options.onStep);
      const { typicality, score } = this.manifest;
      const scenes = await inferScenes(
        sessions,
        this.config,
        batch.images,
        { ...options, onStep },
        { typicality, score },
      );
      return restoreScenes(scenes, batch);
    });
  }

  /**
   * Finds the objects in pictures of any size: a larger one than the model's images is cut into overlapping tiles, see
   * {@link inferPictures}. Boxes are in the pictures' pixels.
   *
   * @throws {ImageError} for pictures that this model does not take
   * @throws the other errors of {@link infer}
   */
  inferPictures(pictures: Picture | readonly Picture[], options: PictureOptions = {}): Promise<PictureScene[]> {
    return this.#use(async () => {
      requireKnownOptions("infer", options, pictureOptions);
      const { typicality, score } = this.manifest;
      const sessions = this.#inferenceSessions();
      return inferPictures(
        {
          config: this.config,
          manifest: this.manifest,
          infer: (images, own) => inferScenes(sessions, this.config, images, own, { typicality, score }),
        },
        Array.isArray(pictures) ? (pictures as readonly Picture[]) : [pictures as Picture],
        options,
      );
    });
  }

  /**
   * Estimates bounds on log p(x) of every image from sampled latents: the ELBO with its parts, and the
   * importance-weighted bound, which several `samples` tighten.
   *
   * @throws the errors of {@link infer}
   */
  evidence(images: ImageInput, options: EvidenceOptions = {}): Promise<ImageEvidence[]> {
    return this.#use(async () => {
      requireKnownOptions("evidence", options, evidenceOptions);
      return estimateEvidence(this.#sessions, this.config, this.#prepare(images).images, options);
    });
  }

  /**
   * Draws scenes from their latents, on black. Decoding an inferred scene gives its reconstruction again, except for a model with
   * a preprocessing, whose inferred reconstructions have the ground of their images.
   *
   * @throws {RangeError} for latents that have a wrong length or are not finite
   * @throws {GraphOutputError} if the graph returns NaN, infinity or a wrong shape
   * @throws {ModelDisposedError} after `dispose()`
   */
  decode(scenes: readonly SceneLatents[], options: DecodeOptions = {}): Promise<DecodedScene[]> {
    return this.#use(async () => {
      requireKnownOptions("decode", options, decodeOptions);
      return decodeScenes(this.#sessions.decoder, this.config, scenes, options);
    });
  }

  /**
   * Imagines `n` scenes: draws latents from the prior and decodes them.
   *
   * @throws {RangeError} for an `n`, `count` or `seed` that is not a non-negative integer
   * @throws {ModelDisposedError} after `dispose()`
   */
  sample(n: number, sampling: SampleOptions = {}): Promise<DecodedScene[]> {
    return this.#use(async () => {
      requireKnownOptions("sample", sampling, sampleOptions);
      const { seed = 0, count, presencePrior, ...options } = sampling;
      const prior = presencePrior === undefined ? this.config : withPresencePrior(this.config, presencePrior);
      return decodeScenes(this.#sessions.decoder, this.config, samplePrior(prior, n, seed, count), options);
    });
  }

  /**
   * Waits for running calls, then releases the sessions. A running call with `onStep` ends after its current step.
   * `dispose` may be awaited inside `onStep`: the sessions are then released when that call has ended. Further calls of
   * `dispose` return the same promise.
   */
  dispose(): Promise<void> {
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  /** Calls {@link dispose}, so that `await using` closes the model. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #inferenceSessions(): InferenceSessions {
    return { ...this.#sessions, sceneGraph: (size: number) => this.#sceneGraph(size > SMALL_BATCH) };
  }

  #prepare(images: ImageInput): PreparedBatch {
    const { model, normalisation, preprocessing } = this.manifest;
    return prepareBatch(toImageBatch(images, model, normalisation), model, preprocessing);
  }

  async #use<Result>(work: (call: Call) => Promise<Result>): Promise<Result> {
    this.#checkOpen();
    const call: Call = { settled: Promise.resolve(), isInOnStep: false };
    const running = work(call);
    call.settled = running.catch(() => {});
    this.#running.add(call);
    try {
      return await running;
    } finally {
      this.#running.delete(call);
      this.#onCallChange?.();
    }
  }

  #checkOpen(): void {
    if (this.#disposal) throw new ModelDisposedError(this.manifest.name);
  }

  #stepListener(call: Call, onStep: NonNullable<InferenceOptions["onStep"]>): (report: StepReport) => Promise<void> {
    return async (report) => {
      call.isInOnStep = true;
      this.#onCallChange?.();
      try {
        await onStep(report);
      } finally {
        call.isInOnStep = false;
      }
      this.#checkOpen();
    };
  }

  async #sceneGraph(narrows: boolean): Promise<GraphSession | undefined> {
    const isFirst = !this.#sceneGraphs.has(narrows);
    const opened = this.#sceneGraphs.get(narrows) ?? (isFirst ? undefined : this.#openSceneGraph?.(narrows));
    this.#sceneGraphs.set(narrows, opened);
    return opened;
  }

  async #close(): Promise<void> {
    const released = this.#release();
    // If calls wait for `dispose` in their onStep, the release happens after that wait, and nobody would hear of a failure.
    released.catch(() => {});
    const allInOnStep = new Promise<void>((resolve) => {
      this.#onCallChange = () => {
        if (this.#running.size > 0 && [...this.#running].every(({ isInOnStep }) => isInOnStep)) resolve();
      };
    });
    this.#onCallChange?.();
    await Promise.race([released, allInOnStep]);
  }

  async #release(): Promise<void> {
    await Promise.all([...this.#running].map(({ settled }) => settled));
    // Frees the serialised graphs that the function holds.
    this.#openSceneGraph = undefined;
    const opening = [...this.#sceneGraphs.values()].filter((graph) => graph !== undefined);
    const opened = await Promise.all(opening.map((graph) => graph.catch(() => undefined)));
    const sessions = [...Object.values(this.#sessions), ...opened.filter((graph) => graph !== undefined)];
    await Promise.all(sessions.map((session) => session.release()));
  }
}
