/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A model whose sessions are open: what can be asked of it, and closing it. How sessions come to be (files, downloads,
 * devices) is each runtime's own; from here on they are the same.
 */
import type { InferenceSession } from "onnxruntime-common";
import { type InferenceOptions, inferScenes, type StepReport, usesSceneGraph } from "./attention-loop.js";
import type { AirConfig } from "./config.js";
import { ModelDisposedError } from "./errors.js";
import { type EvidenceOptions, estimateEvidence, type ImageEvidence } from "./evidence.js";
import type { GraphSession } from "./graph-run.js";
import type { GraphName } from "./graphs.js";
import { type ImageInput, toImageBatch } from "./images.js";
import type { Manifest } from "./manifest.js";
import type { DecodedScene, Scene, SceneLatents } from "./scene.js";
import { type DecodeOptions, decodeScenes, samplePrior, withPresencePrior } from "./scene-drawing.js";

/** A graph's session, which can be closed. */
export type OpenGraph = GraphSession & Pick<InferenceSession, "release">;
/** The open sessions of a model's graphs. */
export type ModelSessions = Readonly<Record<GraphName, OpenGraph>>;

/**
 * The graph of the whole loop ({@link sceneGraph}): calls with few images are faster by it. As it takes longer to open than
 * such a call, it is opened for the second of them.
 */
export type SceneOpener = () => Promise<OpenGraph | undefined>;

/** Options of `sample`. */
export interface SampleOptions extends DecodeOptions {
  /** Scene i depends on (seed, i) only; 0 by default. */
  readonly seed?: number | undefined;
  /** Objects of every scene; drawn from the prior if not given, which for the usual sparse prior is mostly 0. */
  readonly count?: number | undefined;
  /** Prior probability of one more object, for the model's own; see `withPresencePrior`. */
  readonly presencePrior?: number | undefined;
}

interface Call {
  /** Resolves when it has settled, however. */
  settled: Promise<unknown>;
  /** It is in its `onStep`, which may wait for this model to be disposed of. */
  waits: boolean;
}

/** A model whose graphs are open, on one device. The runtimes' `fromPretrained` makes one. */
export class LoadedModel<Device extends string> implements AsyncDisposable {
  /** The device that the graphs really run on. */
  readonly device: Device;
  /** The model's `config.json`. */
  readonly manifest: Manifest;
  readonly #sessions: ModelSessions;
  #openScene: SceneOpener | undefined;
  #scene: Promise<OpenGraph | undefined> | undefined;
  #hadSmallCall = false;
  /** Calls that have not settled. */
  readonly #running = new Set<Call>();
  #disposal: Promise<void> | undefined;
  /** Told when a call begins to wait in its `onStep`, or settles. */
  #onCallChange: (() => void) | undefined;

  /**
   * Takes over `sessions`: {@link dispose} releases them.
   *
   * @param openScene called at most once; without it, or if it gives none, every call goes step by step
   */
  constructor(manifest: Manifest, sessions: ModelSessions, device: Device, openScene?: SceneOpener) {
    this.manifest = manifest;
    this.device = device;
    this.#sessions = sessions;
    this.#openScene = openScene;
  }

  /** The model's architecture and priors. */
  get config(): AirConfig {
    return this.manifest.model;
  }

  /**
   * Infers the scene of every image: how many objects, where, and what each looks like.
   *
   * @throws {ImageError} for images that this model does not take
   * @throws {RangeError} for an invalid option
   * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape
   * @throws {ModelDisposedError} after `dispose()`; a call with `onStep` that is under way ends with it at that step
   */
  infer(images: ImageInput, options: InferenceOptions = {}): Promise<Scene[]> {
    return this.#use(async (call) => {
      const batch = toImageBatch(images, this.config, this.manifest.normalisation);
      const { channels, imageSize } = this.config;
      const isSmall = usesSceneGraph(batch.length / (channels * imageSize ** 2), options);
      const sessions = { ...this.#sessions, scene: isSmall ? await this.#sceneGraph() : undefined };
      const onStep = options.onStep && this.#stepListener(call, options.onStep);
      return inferScenes(sessions, this.config, batch, { ...options, onStep });
    });
  }

  /**
   * Bounds on log p(x) of every image, from sampled latents: the ELBO by its parts, and with `samples` the
   * importance-weighted bound.
   *
   * @throws as {@link infer}
   */
  evidence(images: ImageInput, options: EvidenceOptions = {}): Promise<ImageEvidence[]> {
    return this.#use(async () =>
      estimateEvidence(
        this.#sessions,
        this.config,
        toImageBatch(images, this.config, this.manifest.normalisation),
        options,
      ),
    );
  }

  /**
   * Draws scenes from their latents; an inferred scene gives its reconstruction.
   *
   * @throws {RangeError} for latents of the wrong length or not finite
   * @throws {GraphOutputError} if the graph returns NaN, infinity or a wrong shape
   * @throws {ModelDisposedError} after `dispose()`
   */
  decode(scenes: readonly SceneLatents[], options: DecodeOptions = {}): Promise<DecodedScene[]> {
    return this.#use(() => decodeScenes(this.#sessions.decoder, this.config, scenes, options));
  }

  /**
   * Imagines `n` scenes: draws latents from the prior and decodes them.
   *
   * @throws {RangeError} for an `n`, `count` or `seed` that is not a non-negative integer
   * @throws {ModelDisposedError} after `dispose()`
   */
  sample(n: number, { seed = 0, count, presencePrior, ...options }: SampleOptions = {}): Promise<DecodedScene[]> {
    return this.#use(async () => {
      const prior = presencePrior === undefined ? this.config : withPresencePrior(this.config, presencePrior);
      return decodeScenes(this.#sessions.decoder, this.config, samplePrior(prior, n, seed, count), options);
    });
  }

  /**
   * Waits for calls in flight, then releases the sessions. A call with `onStep` ends at the step that it is in, so that this
   * may be awaited there; the sessions are then released when it has ended. Calling it again returns the same promise.
   */
  dispose(): Promise<void> {
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  /** Calls {@link dispose}, so that `await using` closes the model. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #use<Result>(work: (call: Call) => Promise<Result>): Promise<Result> {
    this.#checkOpen();
    const call: Call = { settled: Promise.resolve(), waits: false };
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
      call.waits = true;
      this.#onCallChange?.();
      try {
        await onStep(report);
      } finally {
        call.waits = false;
      }
      this.#checkOpen();
    };
  }

  async #sceneGraph(): Promise<GraphSession | undefined> {
    if (this.#hadSmallCall && this.#openScene) {
      this.#scene = this.#openScene();
      // What it was made of can be forgotten.
      this.#openScene = undefined;
    }
    this.#hadSmallCall = true;
    return this.#scene;
  }

  async #close(): Promise<void> {
    const released = this.#release();
    // If calls wait for this promise, the sessions are released when nobody waits to hear of a failure.
    released.catch(() => {});
    const allWait = new Promise<void>((resolve) => {
      this.#onCallChange = () => {
        if (this.#running.size > 0 && [...this.#running].every(({ waits }) => waits)) resolve();
      };
    });
    this.#onCallChange?.();
    await Promise.race([released, allWait]);
  }

  async #release(): Promise<void> {
    await Promise.all([...this.#running].map(({ settled }) => settled));
    this.#openScene = undefined;
    const scene = await this.#scene?.catch(() => undefined);
    await Promise.all(
      [...Object.values(this.#sessions), ...(scene ? [scene] : [])].map((session) => session.release()),
    );
  }
}
