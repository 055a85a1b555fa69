/** The worker that trains: images, steps, evaluations and what is kept in the browser. The page only shows. */
import { parseTrainingManifest, TRAINING_MANIFEST_FILE, Trainer, TrainerCheckpointError } from "@air-onnx/trainer";
import * as ort from "onnxruntime-web/wasm";
import { type OwnImages, ownTrainingImages } from "./own-images.js";
import { failureKind } from "./training-failure.js";
import { type HeldOut, trainingImages } from "./training-images.js";
import type { FromTrainer, Pace, ToTrainer } from "./training-messages.js";
import { TRAINED_NAME } from "./training-preset.js";
import { type CurvePoint, forget, keep, kept } from "./training-store.js";

/** Held-out images that are measured while training, and those that are shown. */
const MEASURED = 250;
const SHOWN = 8;
/** Held-out images that the finished model is measured on. */
const FINALLY_MEASURED = 500;
const MOST_STEPS = 20;
/** Steps between two points of the curves. */
const MEASURE_EVERY = 50;
/** Time between two checkpoints, ms. */
const KEEP_EVERY = 20_000;
/** A turn of the event loop that takes longer is one in which the browser let the page sleep, ms. */
const SLEPT = 5_000;

const PACES: Readonly<
  Record<
    Pace,
    {
      /** Longest time of one call, in which no message is heard, ms. */
      readonly call: number;
      /** Time between two pictures, ms. */
      readonly showEvery: number;
      /** Pause after a call, as a share of its time. */
      readonly rest: number;
    }
  >
> = {
  gentle: { call: 100, showEvery: 1000, rest: 1 },
  even: { call: 250, showEvery: 1000, rest: 0 },
  fast: { call: 1000, showEvery: 5000, rest: 0 },
};

const post = (message: FromTrainer): void => globalThis.postMessage(message);

/** Where a training is kept, and what it learns from. */
interface Place {
  readonly keepAs: "training" | "rival";
  readonly own: OwnImages | undefined;
}

let pace: Pace = "even";

class Training {
  readonly #trainer: Trainer;
  readonly #place: Place;
  /** Held-out images that are shown and measured. */
  readonly #heldOut: HeldOut;
  /** Draws those that the finished model is measured on. */
  readonly #drawMore: () => Promise<HeldOut>;
  readonly #curve: CurvePoint[];
  #seconds: number;
  #isWanted = false;
  #running: Promise<void> | undefined;
  #shownAt = Number.NEGATIVE_INFINITY;
  #keptAt = performance.now();
  #stepsPerCall = 1;
  #stepsPerSecond: number | undefined;
  #finalPoint: CurvePoint | undefined;

  private constructor(
    trainer: Trainer,
    place: Place,
    heldOut: { readonly first: HeldOut; readonly more: () => Promise<HeldOut> },
    curve: readonly CurvePoint[],
    seconds: number,
  ) {
    this.#trainer = trainer;
    this.#place = place;
    this.#heldOut = heldOut.first;
    this.#drawMore = heldOut.more;
    this.#curve = [...curve];
    this.#seconds = seconds;
  }

  static async open({ training, keepAs, anew }: Extract<ToTrainer, { open: unknown }>["open"]): Promise<Training> {
    ort.env.wasm.numThreads = 1;
    const read = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
      const response = await fetch(new URL(path, training));
      if (!response.ok) throw new Error(`${path} could not be fetched: the server says ${response.status}.`);
      return new Uint8Array(await response.arrayBuffer());
    };
    const written = parseTrainingManifest(await read(TRAINING_MANIFEST_FILE), TRAINING_MANIFEST_FILE);
    const before = anew ? undefined : await kept(keepAs);
    const seed = before?.checkpoint.seed ?? anew?.seed ?? 0;
    const own = before ? before.images : anew?.images;
    // A model of the visitor's images must not say that it knows the page's digits.
    const manifest = own ? { ...written, data: { dataset: "png-folder", settings: {} } } : written;
    const images = own ? ownTrainingImages(own, manifest.model.imageSize, seed) : await trainingImages(manifest, seed);
    const heldOut = { first: await images.heldOut(MEASURED), more: () => images.heldOut(FINALLY_MEASURED) };
    const place = { keepAs, own };
    const options = {
      manifest,
      readFile: read,
      createSession: (graph: Uint8Array) =>
        ort.InferenceSession.create(graph, { executionProviders: ["wasm"], logSeverityLevel: 3 }),
      drawImages: images.draw,
      seed,
    };
    try {
      const trainer = await Trainer.open({ ...options, checkpoint: before?.checkpoint });
      return new Training(trainer, place, heldOut, before?.curve ?? [], before?.seconds ?? 0);
    } catch (error) {
      if (!(error instanceof TrainerCheckpointError)) throw error;
      post({ notice: `The training that this browser kept cannot go on: ${error.message}.` });
      await forget(keepAs).catch(() => {});
      return new Training(await Trainer.open(options), place, heldOut, [], 0);
    }
  }

  async start(): Promise<void> {
    const { seed, step, manifest } = this.#trainer;
    const { imageSize, channels } = manifest.model;
    const pixels = channels * imageSize ** 2;
    const images = Array.from({ length: SHOWN }, (_, i) => this.#heldOut.images.slice(i * pixels, (i + 1) * pixels));
    const counts = this.#heldOut.counts?.slice(0, SHOWN);
    const { own } = this.#place;
    post({
      opened: { seed, step, steps: manifest.steps, imageSize, channels, curve: this.#curve, own, images, counts },
    });
    await this.#show();
    if (this.#curve.length === 0) await this.#measure();
  }

  run(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (isWanted) this.#running ??= this.#train().finally(() => (this.#running = undefined));
  }

  async takeModel(): Promise<void> {
    const point = await this.#final();
    const { accuracy } = point;
    const metrics = { elbo: point.elbo, ...(accuracy !== undefined && { countAccuracyMap: accuracy }) };
    const files = await this.#trainer.modelFolder({ metrics, name: TRAINED_NAME });
    const { model } = this.#trainer.manifest;
    const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    const entry = {
      name: TRAINED_NAME,
      title: `Trained by you, ${this.#trainer.step.toLocaleString("en")} steps`,
      url: "",
      imageSize: model.imageSize,
      channels: model.channels,
      maxSteps: model.maxSteps,
      bytes,
      ...(accuracy !== undefined && { countAccuracy: accuracy }),
      // The samples beside the page are digits.
      ...(!this.#place.own && { samples: `samples/${TRAINED_NAME}.json` }),
    };
    const isKept = await keep("model", { files, entry }).then(
      () => true,
      (error: unknown) => {
        post({
          notice: `This browser does not keep the model for the drawing page: ${String(error)}. It can be downloaded.`,
        });
        return false;
      },
    );
    post({ model: { files, isKept } });
  }

  async dispose(): Promise<void> {
    this.#isWanted = false;
    await this.#running;
    await this.#trainer[Symbol.asyncDispose]();
  }

  async #train(): Promise<void> {
    try {
      while (this.#isWanted && !this.#trainer.isFinished) await this.#turn();
      await this.#show();
    } finally {
      // Also after a failure: the state is that before it.
      await this.#keep();
    }
    post({ paused: { step: this.#trainer.step, isFinished: this.#trainer.isFinished } });
  }

  async #turn(): Promise<void> {
    const { showEvery, rest } = PACES[pace];
    const begin = performance.now();
    await this.#advance();
    const spent = performance.now() - begin;
    if (performance.now() - this.#shownAt >= showEvery) await this.#show();
    const { step } = this.#trainer;
    const due = Math.floor(step / MEASURE_EVERY) > Math.floor((this.#curve.at(-1)?.step ?? 0) / MEASURE_EVERY);
    if (due || this.#trainer.isFinished) await this.#measure();
    if (performance.now() - this.#keptAt >= KEEP_EVERY) await this.#keep();
    // Messages of the page get their turn here.
    const pause = rest * spent;
    const left = performance.now();
    await new Promise((resolve) => setTimeout(resolve, pause));
    const slept = performance.now() - left - pause;
    if (slept > SLEPT) post({ slept: slept / 1000 });
  }

  async #advance(): Promise<void> {
    const begin = performance.now();
    const before = this.#trainer.step;
    const { loss, count } = await this.#trainer.run(this.#stepsPerCall);
    const steps = this.#trainer.step - before;
    const seconds = (performance.now() - begin) / 1000;
    this.#seconds += seconds;
    const own = steps / seconds;
    this.#stepsPerSecond = this.#stepsPerSecond === undefined ? own : 0.9 * this.#stepsPerSecond + 0.1 * own;
    const { call, rest } = PACES[pace];
    this.#stepsPerCall = Math.min(MOST_STEPS, Math.max(1, Math.round((this.#stepsPerSecond * call) / 1000)));
    const stepsPerSecond = this.#stepsPerSecond / (1 + rest);
    post({
      progress: {
        step: this.#trainer.step,
        stepsPerSecond,
        secondsLeft: (this.#trainer.manifest.steps - this.#trainer.step) / stepsPerSecond,
        losses: [...loss!],
        meanCount: count!.reduce((sum, each) => sum + each, 0) / steps,
      },
    });
  }

  async #show(): Promise<void> {
    this.#shownAt = performance.now();
    const { imageSize, channels } = this.#trainer.manifest.model;
    const images = this.#heldOut.images.subarray(0, SHOWN * channels * imageSize ** 2);
    const explained = await this.#trainer.explain(images);
    post({
      explained: explained.map(({ count, zWhere, reconstruction }) => ({ count, zWhere, reconstruction })),
    });
  }

  async #measured({ images, counts }: HeldOut): Promise<CurvePoint> {
    const { imageSize, channels } = this.#trainer.manifest.model;
    const size = images.length / (channels * imageSize ** 2);
    const { elbo, countAccuracyMap } = await this.#trainer.evaluate(images, counts ?? new Array(size).fill(0));
    const point = { step: this.#trainer.step, seconds: this.#seconds, elbo };
    return counts ? { ...point, accuracy: countAccuracyMap } : point;
  }

  /** The model as it is now, measured on all held-out images. */
  async #final(): Promise<CurvePoint> {
    if (this.#finalPoint?.step !== this.#trainer.step) this.#finalPoint = await this.#measured(await this.#drawMore());
    return this.#finalPoint;
  }

  async #measure(): Promise<void> {
    const point = this.#trainer.isFinished ? await this.#final() : await this.#measured(this.#heldOut);
    this.#curve.push(point);
    post({ point });
  }

  async #keep(): Promise<void> {
    this.#keptAt = performance.now();
    const checkpoint = await this.#trainer.checkpoint();
    try {
      const { keepAs, own } = this.#place;
      await keep(keepAs, { checkpoint, curve: this.#curve, seconds: this.#seconds, images: own });
    } catch (error) {
      post({ notice: `This browser does not keep the training, so a reload begins anew: ${String(error)}.` });
    }
  }
}

let training: Training | undefined;

async function answer(message: ToTrainer): Promise<void> {
  if ("open" in message) {
    await training?.dispose();
    training = undefined;
    if (message.open.anew) await forget(message.open.keepAs).catch(() => {});
    training = await Training.open(message.open);
    await training.start();
  } else if ("run" in message) {
    training?.run(message.run);
  } else if ("pace" in message) {
    pace = message.pace;
  } else {
    await training?.takeModel();
  }
}

const failed = (error: unknown): void => {
  const message = error instanceof Error ? error.message : String(error);
  post({ failure: { kind: failureKind(error), message } });
};

let last: Promise<void> = Promise.resolve();
globalThis.addEventListener("message", ({ data }: MessageEvent<ToTrainer>) => {
  last = last.then(() => answer(data)).catch(failed);
});
globalThis.addEventListener("unhandledrejection", ({ reason }) => failed(reason));
