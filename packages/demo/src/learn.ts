/** The page "Watch it learn": shows a training that runs in a worker, and hands over the model. */
import { zipSync } from "fflate";
import { clearAlert, showAlert, showUncaught } from "./alerts.js";
import { byId, make } from "./elements.js";
import { showExamples, showFindings, showReconstructions } from "./explained-list.js";
import { type Curve, showCurves } from "./learning-curve.js";
import { learningInWords, timeLeftInWords } from "./learning-words.js";
import { startOffline } from "./offline.js";
import { type OwnImages, ownImagesInWords } from "./own-images.js";
import { OwnImagesPanel } from "./own-images-panel.js";
import { paintPlanes } from "./picture-view.js";
import { RecordedRun } from "./recorded-run.js";
import { type Leader, Rival } from "./rival.js";
import { siteUrl } from "./site.js";
import { TrainingClient } from "./training-client.js";
import type { FromTrainer, Opened, Pace, Progress, TakenModel, ToTrainer } from "./training-messages.js";
import { TRAINED_NAME, TRAINING } from "./training-preset.js";
import type { CurvePoint } from "./training-store.js";
import { shareInWords } from "./words.js";

class LearningPage {
  readonly #run = byId("run", HTMLButtonElement);
  readonly #restart = byId("restart", HTMLButtonElement);
  readonly #seed = byId("seed", HTMLInputElement);
  readonly #pace = byId("pace", HTMLSelectElement);
  readonly #use = byId("use", HTMLButtonElement);
  readonly #download = byId("download", HTMLButtonElement);
  readonly #status = byId("status", HTMLElement);
  readonly #modelStatus = byId("model-status", HTMLElement);
  readonly #progress = byId("progress", HTMLProgressElement);
  readonly #progressText = byId("progress-text", HTMLElement);
  readonly #telling = byId("telling", HTMLElement);
  readonly #explained = byId("explained", HTMLOListElement);
  readonly #client = new TrainingClient("training", {
    receive: (message) => this.#receive(message),
    failed: (failure) => this.#failed(failure),
  });
  readonly #rival = new Rival(
    () => this.#leader,
    () => this.#showCurves(),
  );
  readonly #ownImages = new OwnImagesPanel((images) => this.#learnFrom(images));

  #opened: Opened | undefined;
  /** The visitor's own images that the last opened training learns from. */
  #own: OwnImages | undefined;
  #curve: CurvePoint[] = [];
  #step = 0;
  #meanCount: number | undefined;
  #isRunning = false;
  /** Whether the training that is being opened starts from the beginning. */
  #isAnew = false;
  /** Whether training goes on as soon as it is opened. */
  #goesOn = false;
  /** What is done with the model when the worker sends it. */
  #onModel: ((model: TakenModel) => void) | undefined;

  async start(): Promise<void> {
    this.#run.addEventListener("click", () => this.#runOrPause());
    this.#restart.addEventListener("click", () => this.#startAnew());
    this.#pace.addEventListener("change", () => {
      this.#client.post({ pace: this.#chosenPace });
      this.#rival.setPace(this.#chosenPace);
    });
    this.#use.addEventListener("click", () => this.#take((model) => this.#goDrawing(model)));
    this.#download.addEventListener("click", () => this.#take((model) => this.#save(model)));
    new RecordedRun();
    await startOffline();
    this.#open(undefined);
  }

  get #chosenPace(): Pace {
    return this.#pace.value as Pace;
  }

  get #leader(): Leader | undefined {
    const opened = this.#opened;
    if (!opened) return undefined;
    const isRunning = this.#isRunning || this.#step >= opened.steps;
    return { seed: opened.seed, own: opened.own, isRunning, pace: this.#chosenPace };
  }

  #open(anew: Extract<ToTrainer, { open: unknown }>["open"]["anew"]): void {
    this.#opened = undefined;
    this.#isRunning = false;
    this.#isAnew = anew !== undefined;
    for (const button of [this.#run, this.#restart, this.#use, this.#download]) button.disabled = true;
    this.#status.textContent = "Loading…";
    this.#client.post({ pace: this.#chosenPace });
    this.#client.post({ open: { training: siteUrl(TRAINING).href, keepAs: "training", anew } });
  }

  #startAnew(): void {
    const seed = this.#seed.valueAsNumber;
    if (!Number.isInteger(seed) || seed < 0 || seed > 999_999) {
      showAlert("A seed is a whole number from 0 to 999,999.");
      return;
    }
    clearAlert();
    this.#setRunning(false);
    this.#open({ seed, images: this.#own });
  }

  /** Starts anew with other images, and begins to learn from them. */
  #learnFrom(images: OwnImages | undefined): void {
    clearAlert();
    this.#setRunning(false);
    this.#goesOn = true;
    this.#open({ seed: this.#opened?.seed ?? 0, images });
    this.#explained.scrollIntoView({ block: "center" });
  }

  #runOrPause(): void {
    // After a failure, what was kept is opened in a new worker.
    if (this.#opened) this.#setRunning(!this.#isRunning);
    else {
      clearAlert();
      this.#goesOn = true;
      this.#open(undefined);
    }
  }

  #setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning;
    this.#run.textContent = isRunning ? "Pause" : this.#step > 0 ? "Go on" : "Start learning";
    if (isRunning) this.#status.textContent = "Learning…";
    this.#client.post({ run: isRunning });
    this.#rival.run(isRunning);
  }

  #receive(message: Exclude<FromTrainer, { failure: unknown }>): void {
    if ("opened" in message) this.#showOpened(message.opened);
    else if ("notice" in message) showAlert(message.notice);
    // What is left of a training that another takes the place of.
    else if (!this.#opened) return;
    else if ("progress" in message) this.#showProgress(message.progress);
    else if ("point" in message) this.#addPoint(message.point);
    else if ("explained" in message) this.#showExplained(message.explained);
    else if ("paused" in message) this.#showPaused(message.paused);
    else if ("model" in message) this.#onModel?.(message.model);
    else this.#status.textContent = sleptInWords(message.slept);
  }

  #showOpened(opened: Opened): void {
    this.#opened = opened;
    this.#own = opened.own;
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
    this.#modelStatus.textContent = "";
    byId("source", HTMLElement).textContent = `It learns from ${ownImagesInWords(opened.own)}.`;
    byId("accuracy-figure", HTMLElement).hidden = !opened.counts;
    this.#ownImages.show(opened.own, opened.imageSize);
    this.#status.textContent = isFinished
      ? `Done, seed ${opened.seed}`
      : opened.step > 0
        ? `Kept from last time at step ${opened.step.toLocaleString("en")}, seed ${opened.seed}`
        : `Ready, seed ${opened.seed}`;
    this.#showStep("");
    this.#showCurves();
    showExamples(this.#explained, opened.images.length).forEach((canvas, i) => {
      paintPlanes(canvas, opened.images[i]!, opened.channels);
    });
    this.#rival.follow(this.#isAnew);
    if (this.#goesOn && !isFinished) this.#setRunning(true);
    this.#goesOn = false;
  }

  #showProgress({ step, stepsPerSecond, secondsLeft, meanCount }: Progress): void {
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
    byId("accuracy-now", HTMLElement).textContent = last?.accuracy === undefined ? "–" : shareInWords(last.accuracy);
    byId("elbo-now", HTMLElement).textContent = last ? last.elbo.toFixed(0) : "–";
    const rival = this.#rival.curve;
    const curves = (value: (point: CurvePoint) => number): Curve[] => {
      const points = (curve: readonly CurvePoint[]) => curve.map((point) => [point.step, value(point)] as const);
      if (rival.length === 0) return [{ points: points(this.#curve) }];
      return [
        { points: points(rival), name: "REINFORCE", look: "rival" },
        { points: points(this.#curve), name: "this one" },
      ];
    };
    const { steps } = opened;
    if (opened.counts) {
      showCurves(
        byId("accuracy", SVGSVGElement),
        curves(({ accuracy }) => accuracy!),
        { steps, range: [0, 1], lines: [0, 0.5, 0.95], text: (value) => `${Math.round(100 * value)} %` },
      );
    }
    showCurves(
      byId("elbo", SVGSVGElement),
      curves(({ elbo }) => elbo),
      { steps, text: (value) => value.toFixed(0) },
    );
    this.#tell();
  }

  #tell(): void {
    const now = learningInWords({
      step: this.#step,
      isFinished: this.#step >= (this.#opened?.steps ?? Number.POSITIVE_INFINITY),
      accuracy: this.#opened?.counts ? (this.#curve.at(-1)?.accuracy ?? 0) : undefined,
      meanCount: this.#meanCount,
    });
    if (this.#telling.textContent !== now) this.#telling.textContent = now;
  }

  #showExplained(explained: Extract<FromTrainer, { explained: unknown }>["explained"]): void {
    const opened = this.#opened;
    if (!opened) return;
    showReconstructions(
      this.#explained,
      explained.map(({ reconstruction }) => reconstruction),
      opened.channels,
    );
    showFindings(this.#explained, explained, opened);
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
  #take(use: (model: TakenModel) => void): void {
    this.#setRunning(false);
    this.#use.disabled = true;
    this.#download.disabled = true;
    this.#modelStatus.textContent = "Measuring it on held-out images…";
    this.#onModel = (model) => {
      this.#use.disabled = false;
      this.#download.disabled = false;
      this.#modelStatus.textContent = "";
      use(model);
    };
    this.#client.post({ takeModel: true });
  }

  #goDrawing({ isKept }: TakenModel): void {
    // The drawing page would not find it, and what was learned would be gone with this page.
    if (!isKept) {
      this.#modelStatus.textContent = "This browser cannot hand it to the drawing page: download it instead.";
      return;
    }
    location.assign(siteUrl(`index.html#model=${TRAINED_NAME}`));
  }

  #save({ files }: TakenModel): void {
    const archive = zipSync(Object.fromEntries([...files].map(([path, bytes]) => [`${TRAINED_NAME}/${path}`, bytes])));
    const link = make("a", { download: `${TRAINED_NAME}.zip` });
    link.href = URL.createObjectURL(new Blob([archive], { type: "application/zip" }));
    link.click();
    // The browser reads the archive after the click.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.#modelStatus.textContent = `${TRAINED_NAME}.zip: unpack it, and open the folder.`;
  }

  #failed({ text, canGoOn }: { readonly text: string; readonly canGoOn: boolean }): void {
    const wasOpen = this.#opened !== undefined;
    this.#rival.run(false);
    this.#isRunning = false;
    this.#goesOn = false;
    this.#opened = undefined;
    this.#run.textContent = wasOpen ? "Go on from the last state" : "Try again";
    this.#run.disabled = !canGoOn;
    this.#restart.disabled = false;
    this.#use.disabled = true;
    this.#download.disabled = true;
    this.#status.textContent = "Stopped";
    this.#modelStatus.textContent = "";
    showAlert(text);
  }
}

function sleptInWords(seconds: number): string {
  return `Learning… The browser let this page sleep for ${Math.round(seconds)} s; it went on after that.`;
}

showUncaught();
new LearningPage().start().catch(showAlert);
