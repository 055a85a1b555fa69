/** A scrubber through the checkpoints of a training that was recorded in Node, for visitors who do not want to wait. */
import type { ZWhere } from "@air-onnx/core";
import { showAlert } from "./alerts.js";
import { byId } from "./elements.js";
import { reconstructionOf, showExamples, showFindings } from "./explained-list.js";
import { type CurveForm, showCurves } from "./learning-curve.js";
import { learningInWords } from "./learning-words.js";
import { siteUrl } from "./site.js";
import { shareInWords } from "./words.js";

/** `recorded/strokes.json`, which bench/record-run.mjs writes. `strokes.png` has a row of pictures for the images and for each point. */
interface Recorded {
  readonly imageSize: number;
  readonly seed: number;
  readonly steps: number;
  /** Processor time of the whole training, seconds. */
  readonly seconds: number;
  readonly hardware: string;
  readonly recordedOn: string;
  /** True counts of the images. */
  readonly counts: readonly number[];
  readonly points: readonly {
    readonly step: number;
    readonly elbo: number;
    readonly accuracy: number;
    readonly meanCount: number;
    readonly explained: readonly { readonly count: number; readonly zWhere: readonly ZWhere[] }[];
  }[];
}

const RECORD = "recorded/strokes.json";
const PICTURES = "recorded/strokes.png";
/** Time of a checkpoint while it plays, ms. */
const BEAT = 600;
const FORM: Pick<CurveForm, "range" | "lines" | "text"> = {
  range: [0, 1],
  lines: [0, 0.5, 0.95],
  text: (value) => `${Math.round(100 * value)} %`,
};

export class RecordedRun {
  readonly #details = byId("recorded", HTMLDetailsElement);
  readonly #slider = byId("recorded-step", HTMLInputElement);
  readonly #play = byId("recorded-play", HTMLButtonElement);
  readonly #list = byId("recorded-explained", HTMLOListElement);
  #loading: Promise<void> | undefined;
  #record: Recorded | undefined;
  #pictures: ImageBitmap | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    this.#details.addEventListener("toggle", () => {
      if (this.#details.open) this.#load();
      else this.#stop();
    });
    this.#slider.addEventListener("input", () => {
      this.#stop();
      this.#show();
    });
    this.#play.addEventListener("click", () => (this.#timer === undefined ? this.#start() : this.#stop()));
  }

  #load(): void {
    this.#loading ??= this.#fetch().catch((error: unknown) => {
      // The next opening tries again.
      this.#loading = undefined;
      this.#details.open = false;
      showAlert(error);
    });
  }

  async #fetch(): Promise<void> {
    const [record, pictures] = await Promise.all([RECORD, PICTURES].map((path) => fetchFile(path)));
    this.#record = (await record!.json()) as Recorded;
    this.#pictures = await createImageBitmap(await pictures!.blob());
    const { points, counts, imageSize, seed, steps, seconds, hardware, recordedOn } = this.#record;
    const done = points.at(-1)!.step;
    const part = done < steps ? `the first ${done.toLocaleString("en")} of ` : "";
    byId("recorded-facts", HTMLElement).textContent =
      `Recorded on ${recordedOn} in Node.js with the same training files, seed ${seed}: ${part}${steps.toLocaleString("en")} steps took ${seconds} s of processor time on ${hardware}.`;
    showExamples(this.#list, counts.length).forEach((canvas, i) => {
      this.#paint(canvas, 0, i, imageSize);
    });
    this.#slider.max = String(points.length - 1);
    this.#slider.disabled = false;
    this.#play.disabled = false;
    this.#show();
  }

  #paint(canvas: HTMLCanvasElement, row: number, column: number, side: number): void {
    canvas.width = side;
    canvas.height = side;
    canvas.getContext("2d")?.drawImage(this.#pictures!, column * side, row * side, side, side, 0, 0, side, side);
  }

  #show(): void {
    const record = this.#record;
    if (!record) return;
    const at = this.#slider.valueAsNumber;
    const { step, accuracy, elbo, meanCount, explained } = record.points[at]!;
    const { imageSize, counts, steps } = record;
    explained.forEach((_, i) => {
      this.#paint(reconstructionOf(this.#list, i), at + 1, i, imageSize);
    });
    showFindings(this.#list, explained, { imageSize, counts });
    const now = `Step ${step.toLocaleString("en")}: ${shareInWords(accuracy)} of 250 images counted right, ELBO ${elbo.toFixed(0)} nats an image`;
    this.#slider.setAttribute("aria-valuetext", now);
    byId("recorded-now", HTMLElement).textContent = now;
    byId("recorded-telling", HTMLElement).textContent = learningInWords({
      ...{ step, accuracy, meanCount },
      isFinished: step === steps,
    });
    showCurves(
      byId("recorded-accuracy", SVGSVGElement),
      [{ points: record.points.map((point) => [point.step, point.accuracy] as const) }],
      { ...FORM, steps, mark: step },
    );
  }

  #start(): void {
    const last = Number(this.#slider.max);
    if (this.#slider.valueAsNumber >= last) this.#slider.value = "0";
    this.#show();
    this.#play.textContent = "Stop";
    this.#timer = setInterval(() => {
      this.#slider.value = String(this.#slider.valueAsNumber + 1);
      this.#show();
      if (this.#slider.valueAsNumber >= last) this.#stop();
    }, BEAT);
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#play.textContent = "Play";
  }
}

/** @throws {Error} with a message for the user */
async function fetchFile(path: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(siteUrl(path));
  } catch (cause) {
    throw new Error(`The recorded training (${path}) could not be fetched: is the network down?`, { cause });
  }
  if (!response.ok) {
    throw new Error(`The recorded training (${path}) could not be fetched: the server says ${response.status}.`);
  }
  return response;
}
