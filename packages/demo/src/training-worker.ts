/** The worker that trains: images, steps, evaluations and what is kept in the browser. The page only shows. */
import { parseTrainingManifest, TRAINING_MANIFEST_FILE, Trainer, TrainerCheckpointError } from "@air-onnx/trainer";
import * as ort from "onnxruntime-web/wasm";
import { type HeldOut, trainingImages } from "./training-images.js";
import type { FromTrainer, ToTrainer } from "./training-messages.js";
import { TRAINED_NAME } from "./training-preset.js";
import { type CurvePoint, forget, keep, kept } from "./training-store.js";

/** Held-out images that are measured while training, and those that are shown. */
const MEASURED = 250;
const SHOWN = 8;
/** Held-out images that the finished model is measured on. */
const FINALLY_MEASURED = 500;
/** Longest time of one call, in which no message is heard, ms. */
const CALL = 250;
const MOST_STEPS = 20;
const SHOW_EVERY = 1000;
/** Steps between two points of the curves. */
const MEASURE_EVERY = 50;
/** Time between two checkpoints, ms. */
const KEEP_EVERY = 20_000;

const post = (message: FromTrainer): void => globalThis.postMessage(message);

class Training {
  readonly #trainer: Trainer;
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
  #pace: number | undefined;
  #finalPoint: CurvePoint | undefined;

  private constructor(
    trainer: Trainer,
    heldOut: { readonly first: HeldOut; readonly more: () => Promise<HeldOut> },
    curve: readonly CurvePoint[],
    seconds: number,
  ) {
    this.#trainer = trainer;
    this.#heldOut = heldOut.first;
    this.#drawMore = heldOut.more;
    this.#curve = [...curve];
    this.#seconds = seconds;
  }

  static async open(folder: string, wanted: number | undefined): Promise<Training> {
    ort.env.wasm.numThreads = 1;
    const read = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
      const response = await fetch(new URL(path, folder));
      if (!response.ok) throw new Error(`${path} could not be fetched: the server says ${response.status}.`);
      return new Uint8Array(await response.arrayBuffer());
    };
    const manifest = parseTrainingManifest(await read(TRAINING_MANIFEST_FILE), TRAINING_MANIFEST_FILE);
    const before = wanted === undefined ? await kept("training") : undefined;
    const seed = before?.checkpoint.seed ?? wanted ?? 0;
    const images = await trainingImages(manifest, seed);
    const heldOut = { first: await images.heldOut(MEASURED), more: () => images.heldOut(FINALLY_MEASURED) };
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
      return new Training(trainer, heldOut, before?.curve ?? [], before?.seconds ?? 0);
    } catch (error) {
      if (!(error instanceof TrainerCheckpointError)) throw error;
      post({ notice: `The training that this browser kept cannot go on: ${error.message}.` });
      await forget("training").catch(() => {});
      return new Training(await Trainer.open(options), heldOut, [], 0);
    }
  }

  async start(): Promise<void> {
    const { seed, step, manifest } = this.#trainer;
    const { imageSize, channels } = manifest.model;
    const pixels = channels * imageSize ** 2;
    const images = Array.from({ length: SHOWN }, (_, i) => this.#heldOut.images.slice(i * pixels, (i + 1) * pixels));
    const counts = this.#heldOut.counts.slice(0, SHOWN);
    post({
      opened: { seed, step, steps: manifest.steps, imageSize, channels, curve: this.#curve, images, counts },
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
    const metrics = { elbo: point.elbo, countAccuracyMap: point.accuracy };
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
      countAccuracy: point.accuracy,
      samples: `samples/${TRAINED_NAME}.json`,
    };
    await keep("model", { files, entry }).catch((error: unknown) =>
      post({
        notice: `This browser does not keep the model for the drawing page: ${String(error)}. It can be downloaded.`,
      }),
    );
    post({ model: files });
  }

  async dispose(): Promise<void> {
    this.#isWanted = false;
    await this.#running;
    await this.#trainer[Symbol.asyncDispose]();
  }

  async #train(): Promise<void> {
    while (this.#isWanted && !this.#trainer.isFinished) {
      await this.#advance();
      if (performance.now() - this.#shownAt >= SHOW_EVERY) await this.#show();
      const { step } = this.#trainer;
      const due = Math.floor(step / MEASURE_EVERY) > Math.floor((this.#curve.at(-1)?.step ?? 0) / MEASURE_EVERY);
      if (due || this.#trainer.isFinished) await this.#measure();
      if (performance.now() - this.#keptAt >= KEEP_EVERY) await this.#keep();
      // Messages of the page get their turn here.
      await new Promise((resolve) => setTimeout(resolve));
    }
    await this.#show();
    await this.#keep();
    post({ paused: { step: this.#trainer.step, isFinished: this.#trainer.isFinished } });
  }

  async #advance(): Promise<void> {
    const begin = performance.now();
    const before = this.#trainer.step;
    const { loss, count } = await this.#trainer.run(this.#stepsPerCall);
    const steps = this.#trainer.step - before;
    const seconds = (performance.now() - begin) / 1000;
    this.#seconds += seconds;
    const own = steps / seconds;
    this.#pace = this.#pace === undefined ? own : 0.9 * this.#pace + 0.1 * own;
    this.#stepsPerCall = Math.min(MOST_STEPS, Math.max(1, Math.round((this.#pace * CALL) / 1000)));
    post({
      progress: {
        step: this.#trainer.step,
        stepsPerSecond: this.#pace,
        secondsLeft: (this.#trainer.manifest.steps - this.#trainer.step) / this.#pace,
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
    const { elbo, countAccuracyMap } = await this.#trainer.evaluate(images, counts);
    return { step: this.#trainer.step, seconds: this.#seconds, elbo, accuracy: countAccuracyMap };
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
      await keep("training", { checkpoint, curve: this.#curve, seconds: this.#seconds });
    } catch (error) {
      post({ notice: `This browser does not keep the training, so a reload begins anew: ${String(error)}.` });
    }
  }
}

let training: Training | undefined;

async function answer(message: ToTrainer): Promise<void> {
  if ("open" in message) {
    const { training: folder, seed } = message.open;
    await training?.dispose();
    training = undefined;
    if (seed !== undefined) await forget("training").catch(() => {});
    training = await Training.open(folder, seed);
    await training.start();
  } else if ("run" in message) {
    training?.run(message.run);
  } else {
    await training?.takeModel();
  }
}

const failed = (error: unknown): void => post({ failure: error instanceof Error ? error.message : String(error) });

let last: Promise<void> = Promise.resolve();
globalThis.addEventListener("message", ({ data }: MessageEvent<ToTrainer>) => {
  last = last.then(() => answer(data)).catch(failed);
});
globalThis.addEventListener("unhandledrejection", ({ reason }) => failed(reason));
