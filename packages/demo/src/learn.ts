/** The page "Watch it learn": shows a training that runs in a worker, and hands over the model. */
import { boxFromZWhere } from "@air-onnx/core";
import { zipSync } from "fflate";
import { clearAlert, showAlert, showUncaught } from "./alerts.js";
import { byId, make, makeSvg, resizeChildren, within } from "./elements.js";
import { showCurve } from "./learning-curve.js";
import { learningInWords, timeLeftInWords } from "./learning-words.js";
import { startOffline } from "./offline.js";
import { paintPlanes, showBoxes } from "./picture-view.js";
import { siteUrl } from "./site.js";
import type { Explained, FromTrainer, ToTrainer } from "./training-messages.js";
import { TRAINED_NAME, TRAINING } from "./training-preset.js";
import type { CurvePoint } from "./training-store.js";
import { countObjects, shareInWords } from "./words.js";

type Opened = Extract<FromTrainer, { opened: unknown }>["opened"];

class LearningPage {
  readonly #run = byId("run", HTMLButtonElement);
  readonly #restart = byId("restart", HTMLButtonElement);
  readonly #seed = byId("seed", HTMLInputElement);
  readonly #use = byId("use", HTMLButtonElement);
  readonly #download = byId("download", HTMLButtonElement);
  readonly #status = byId("status", HTMLElement);
  readonly #modelStatus = byId("model-status", HTMLElement);
  readonly #progress = byId("progress", HTMLProgressElement);
  readonly #progressText = byId("progress-text", HTMLElement);
  readonly #telling = byId("telling", HTMLElement);
  readonly #explained = byId("explained", HTMLOListElement);
  readonly #worker = new Worker(new URL("./training-worker.ts", import.meta.url), { type: "module", name: "training" });

  #opened: Opened | undefined;
  #curve: CurvePoint[] = [];
  #step = 0;
  #meanCount: number | undefined;
  #isRunning = false;
  /** What is done with the model when the worker sends it. */
  #onModel: ((files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) => void) | undefined;

  async start(): Promise<void> {
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FromTrainer>) => this.#receive(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#failed(event.message || "the worker could not be loaded");
    });
    this.#run.addEventListener("click", () => this.#setRunning(!this.#isRunning));
    this.#restart.addEventListener("click", () => this.#startAnew());
    this.#use.addEventListener("click", () => this.#take(() => this.#goDrawing()));
    this.#download.addEventListener("click", () => this.#take((files) => this.#save(files)));
    await startOffline();
    this.#open(undefined);
  }

  #post(message: ToTrainer): void {
    this.#worker.postMessage(message);
  }

  #open(seed: number | undefined): void {
    this.#opened = undefined;
    this.#isRunning = false;
    for (const button of [this.#run, this.#restart, this.#use, this.#download]) button.disabled = true;
    this.#status.textContent = "Loading…";
    this.#post({ open: { training: siteUrl(TRAINING).href, seed } });
  }

  #startAnew(): void {
    const seed = this.#seed.valueAsNumber;
    if (!Number.isInteger(seed) || seed < 0 || seed > 999_999) {
      showAlert("A seed is a whole number from 0 to 999,999.");
      return;
    }
    clearAlert();
    this.#setRunning(false);
    this.#open(seed);
  }

  #setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning;
    this.#run.textContent = isRunning ? "Pause" : this.#step > 0 ? "Go on" : "Start learning";
    if (isRunning) this.#status.textContent = "Learning…";
    this.#post({ run: isRunning });
  }

  #receive(message: FromTrainer): void {
    if ("opened" in message) this.#showOpened(message.opened);
    else if ("progress" in message) this.#showProgress(message.progress);
    else if ("point" in message) this.#addPoint(message.point);
    else if ("explained" in message) this.#showExplained(message.explained);
    else if ("paused" in message) this.#showPaused(message.paused);
    else if ("model" in message) this.#onModel?.(message.model);
    else if ("notice" in message) showAlert(message.notice);
    else this.#failed(message.failure);
  }

  #showOpened(opened: Opened): void {
    this.#opened = opened;
    this.#curve = [...opened.curve];
    this.#step = opened.step;
    this.#meanCount = undefined;
    const isFinished = opened.step >= opened.steps;
    this.#run.disabled = isFinished;
    this.#run.textContent = opened.step > 0 ? "Go on" : "Start learning";
    this.#restart.disabled = false;
    this.#seed.value = String(opened.seed + 1);
    this.#use.disabled = false;
    this.#download.disabled = false;
    this.#status.textContent = isFinished
      ? `Done, seed ${opened.seed}`
      : opened.step > 0
        ? `Kept from last time at step ${opened.step.toLocaleString("en")}, seed ${opened.seed}`
        : `Ready, seed ${opened.seed}`;
    this.#showStep("");
    this.#showCurves();
    const items = resizeChildren(this.#explained, opened.images.length, () =>
      make(
        "li",
        {},
        make("div", { className: "frame" }, picture()),
        make("div", { className: "frame" }, picture(), overlay()),
        make("p"),
      ),
    );
    items.forEach((item, i) => {
      paintPlanes(within(item, ".frame:first-child canvas", HTMLCanvasElement), opened.images[i]!, opened.channels);
    });
  }

  #showProgress({
    step,
    stepsPerSecond,
    secondsLeft,
    meanCount,
  }: Extract<FromTrainer, { progress: unknown }>["progress"]): void {
    this.#step = step;
    this.#meanCount = this.#meanCount === undefined ? meanCount : 0.8 * this.#meanCount + 0.2 * meanCount;
    this.#tell();
    this.#showStep(`, ${stepsPerSecond.toFixed(1)} steps/s, ${timeLeftInWords(secondsLeft)}`);
  }

  #showStep(pace: string): void {
    const steps = this.#opened?.steps ?? 1;
    this.#progress.value = this.#step / steps;
    this.#progressText.textContent = `Step ${this.#step.toLocaleString("en")} of ${steps.toLocaleString("en")}${pace}`;
  }

  #addPoint(point: CurvePoint): void {
    this.#curve.push(point);
    this.#showCurves();
  }

  #showCurves(): void {
    const opened = this.#opened;
    if (!opened) return;
    const last = this.#curve.at(-1);
    byId("accuracy-now", HTMLElement).textContent = last ? shareInWords(last.accuracy) : "–";
    byId("elbo-now", HTMLElement).textContent = last ? last.elbo.toFixed(0) : "–";
    showCurve(
      byId("accuracy", SVGSVGElement),
      this.#curve.map(({ step, accuracy }) => [step, accuracy]),
      { steps: opened.steps, range: [0, 1], lines: [0, 0.5, 0.95], text: (value) => `${Math.round(100 * value)} %` },
    );
    showCurve(
      byId("elbo", SVGSVGElement),
      this.#curve.map(({ step, elbo }) => [step, elbo]),
      { steps: opened.steps, text: (value) => value.toFixed(0) },
    );
    this.#tell();
  }

  #tell(): void {
    const now = learningInWords({
      step: this.#step,
      isFinished: this.#step >= (this.#opened?.steps ?? Number.POSITIVE_INFINITY),
      accuracy: this.#curve.at(-1)?.accuracy ?? 0,
      meanCount: this.#meanCount,
    });
    if (this.#telling.textContent !== now) this.#telling.textContent = now;
  }

  #showExplained(explained: readonly Explained[]): void {
    const opened = this.#opened;
    if (!opened) return;
    const { imageSize, channels, counts } = opened;
    explained.forEach(({ count, zWhere, reconstruction }, i) => {
      const item = this.#explained.children[i]!;
      paintPlanes(within(item, ".frame + .frame canvas", HTMLCanvasElement), reconstruction, channels);
      const boxes = zWhere.map((each, index) => ({ box: boxFromZWhere(each, imageSize), index }));
      showBoxes(within(item, "svg", SVGSVGElement), boxes, imageSize);
      const isRight = count === counts[i];
      const words = within(item, "p", HTMLParagraphElement);
      words.textContent = isRight
        ? `${countObjects(count)}, right`
        : `${countObjects(count)}, but there are ${counts[i]}`;
      words.classList.toggle("wrong", !isRight);
    });
  }

  #showPaused({ step, isFinished }: Extract<FromTrainer, { paused: unknown }>["paused"]): void {
    this.#isRunning = false;
    this.#run.textContent = step > 0 ? "Go on" : "Start learning";
    this.#run.disabled = isFinished;
    const seconds = this.#curve.at(-1)?.seconds ?? 0;
    this.#status.textContent = isFinished ? `Done after ${Math.round(seconds)} s of learning` : "Paused";
    this.#showStep("");
    this.#showCurves();
  }

  /** Pauses, and does something with the model as it is then. */
  #take(use: (files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) => void): void {
    this.#setRunning(false);
    this.#use.disabled = true;
    this.#download.disabled = true;
    this.#modelStatus.textContent = "Measuring it on 500 images…";
    this.#onModel = (files) => {
      this.#use.disabled = false;
      this.#download.disabled = false;
      this.#modelStatus.textContent = "";
      use(files);
    };
    this.#post({ takeModel: true });
  }

  #goDrawing(): void {
    location.assign(siteUrl(`index.html#model=${TRAINED_NAME}`));
  }

  #save(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): void {
    const archive = zipSync(Object.fromEntries([...files].map(([path, bytes]) => [`${TRAINED_NAME}/${path}`, bytes])));
    const link = make("a", { download: `${TRAINED_NAME}.zip` });
    link.href = URL.createObjectURL(new Blob([archive], { type: "application/zip" }));
    link.click();
    // The browser reads the archive after the click.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.#modelStatus.textContent = `${TRAINED_NAME}.zip: unpack it, and open the folder.`;
  }

  #failed(reason: string): void {
    this.#isRunning = false;
    this.#run.disabled = true;
    this.#restart.disabled = false;
    this.#status.textContent = "Stopped";
    this.#modelStatus.textContent = "";
    showAlert(`The training stopped: ${reason}`);
  }
}

function picture(): HTMLCanvasElement {
  return make("canvas", { className: "pixels" });
}

function overlay(): SVGSVGElement {
  const svg = makeSvg("svg", { "aria-hidden": "true" });
  svg.setAttribute("class", "overlay");
  return svg;
}

showUncaught();
new LearningPage().start().catch(showAlert);
