/**
 * A walk through z_what: sliders for the dimensions of an object's code that change it most, each with the decoder's drawings
 * along it, and a slider towards another object's code.
 */
import type { AirConfig, DecodedScene, ObjectLatents, SceneLatents } from "@air-onnx/core";
import { priorWindow, RandomStream } from "@air-onnx/core";
import { byId, make } from "./elements.js";
import { LatestOnly } from "./latest-only.js";
import { blendWhat, withDimension } from "./scene-edit.js";
import { intensityToRgba } from "./tone.js";

export type Decode = (scenes: readonly SceneLatents[]) => Promise<readonly DecodedScene[]>;

/** Range of the sliders, in standard deviations of the prior to each side. */
const REACH = 3;
const DIMENSIONS = 5;
/** Number of drawings along a dimension. */
const STOPS = 9;
/** Change of a dimension, to each side, by which its effect is measured. */
const PROBE = 1.5;

interface Opened {
  readonly object: ObjectLatents;
  readonly others: readonly ObjectLatents[];
  readonly config: AirConfig;
  readonly decode: Decode;
}

interface Row {
  readonly dimension: number;
  readonly slider: HTMLInputElement;
  readonly strip: HTMLCanvasElement;
}

export class WhatWalk {
  readonly #root = byId("walk", HTMLElement);
  readonly #onChange: (zWhat: Float32Array) => void;
  readonly #probing: LatestOnly<Opened>;
  readonly #drawing: LatestOnly<{ readonly opened: Opened; readonly zWhat: ArrayLike<number> }>;
  #opened: Opened | undefined;
  #zWhat: ArrayLike<number> = [];
  #rows: readonly Row[] = [];

  /** @param onChange called with the code that the user has set */
  constructor(onChange: (zWhat: Float32Array) => void, onError: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#probing = new LatestOnly(async (opened) => {
      const dimensions = await strongestDimensions(opened);
      if (this.#opened === opened) this.#build(opened, dimensions);
    }, onError);
    this.#drawing = new LatestOnly((job) => this.#drawStrips(job.opened, job.zWhat), onError);
  }

  /** Shows the walk of an object, which can also be blended with `others`; undefined closes the walk. */
  open(opened: Opened | undefined): void {
    this.#opened = opened;
    if (!opened) {
      this.#root.replaceChildren();
      this.#rows = [];
      return;
    }
    this.#zWhat = opened.object.zWhat;
    this.#probing.submit(opened);
  }

  #build(opened: Opened, dimensions: readonly number[]): void {
    this.#rows = dimensions.map((dimension, i) => {
      const slider = make("input", {
        type: "range",
        min: String(-REACH),
        max: String(REACH),
        step: "0.05",
        value: String(opened.object.zWhat[dimension]!),
        ariaLabel: `Trait ${i + 1}, dimension ${dimension + 1} of the code z_what`,
      });
      slider.addEventListener("input", () => {
        this.#zWhat = withDimension(this.#zWhat, dimension, slider.valueAsNumber);
        this.#changed();
      });
      return { dimension, slider, strip: make("canvas", { className: "strip pixels" }) };
    });
    const reset = make("button", { type: "button", className: "link", textContent: "reset" });
    reset.addEventListener("click", () => {
      this.#zWhat = opened.object.zWhat;
      this.#changed();
    });
    this.#root.replaceChildren(
      make("h3", { className: "caption" }, "What it looks like: the traits in its code that change it most ", reset),
      ...this.#rows.map(({ dimension, slider, strip }, i) =>
        make(
          "div",
          { className: "dimension" },
          make("span", { textContent: `Trait ${i + 1}`, title: `z_what, dimension ${dimension + 1}` }),
          columns(STOPS, make("div", { className: "aligned" }, strip, slider)),
        ),
      ),
      this.#blending(opened),
    );
    this.#drawing.submit({ opened, zWhat: this.#zWhat });
  }

  #blending({ object, others, config }: Opened): HTMLElement {
    const invented = new RandomStream(1, 7).fillNormal(new Float32Array(config.zWhatSize));
    const targets = [...others.map(({ zWhat }) => zWhat), invented];
    const choice = make("select", { ariaLabel: "Towards which object" });
    others.forEach((_, i) => {
      choice.append(make("option", { value: String(i), textContent: `another object (${i + 1} of ${others.length})` }));
    });
    choice.append(make("option", { value: String(others.length), textContent: "a random one" }));
    const slider = make("input", {
      type: "range",
      min: "0",
      max: "1",
      step: "0.01",
      value: "0",
      ariaLabel: "How far towards it",
    });
    const blend = (): void => {
      this.#zWhat = blendWhat(object.zWhat, targets[Number(choice.value)]!, slider.valueAsNumber);
      this.#changed();
    };
    slider.addEventListener("input", blend);
    choice.addEventListener("change", blend);
    return make(
      "div",
      { className: "dimension" },
      make("span", { textContent: "towards" }),
      make("div", {}, choice, slider),
    );
  }

  #changed(): void {
    for (const { dimension, slider } of this.#rows) slider.value = String(this.#zWhat[dimension]!);
    this.#onChange(Float32Array.from(this.#zWhat));
    if (this.#opened) this.#drawing.submit({ opened: this.#opened, zWhat: this.#zWhat });
  }

  async #drawStrips({ config, decode }: Opened, zWhat: ArrayLike<number>): Promise<void> {
    const rows = this.#rows;
    const values = Array.from({ length: STOPS }, (_, i) => -REACH + (2 * REACH * i) / (STOPS - 1));
    const codes = rows.flatMap(({ dimension }) => values.map((value) => withDimension(zWhat, dimension, value)));
    const patches = await decodePatches(codes, config, decode);
    rows.forEach(({ strip }, row) => {
      paintStrip(strip, patches.slice(row * STOPS, (row + 1) * STOPS), config);
    });
  }
}

/** The dimensions along which the drawing changes most, strongest first. */
async function strongestDimensions({ object, config, decode }: Opened): Promise<number[]> {
  const { zWhatSize } = config;
  const codes = Array.from({ length: zWhatSize }, (_, z) => [
    withDimension(object.zWhat, z, object.zWhat[z]! - PROBE),
    withDimension(object.zWhat, z, object.zWhat[z]! + PROBE),
  ]).flat();
  const patches = await decodePatches(codes, config, decode);
  const change = Array.from({ length: zWhatSize }, (_, z) => {
    const [less, more] = [patches[2 * z]!, patches[2 * z + 1]!];
    return less.reduce((sum, value, i) => sum + (more[i]! - value) ** 2, 0);
  });
  return change
    .map((_, z) => z)
    .sort((a, b) => change[b]! - change[a]!)
    .slice(0, DIMENSIONS);
}

async function decodePatches(
  codes: readonly Float32Array[],
  config: AirConfig,
  decode: Decode,
): Promise<Float32Array[]> {
  const zWhere = priorWindow(config);
  const scenes = codes.map((zWhat) => ({ objects: [{ zWhere, zWhat }] }));
  return (await decode(scenes)).map(({ objects }) => objects[0]!.patch);
}

/** Paints patches side by side. */
function paintStrip(
  canvas: HTMLCanvasElement,
  patches: readonly Float32Array[],
  { objectSize, channels }: AirConfig,
): void {
  canvas.width = objectSize * patches.length;
  canvas.height = objectSize;
  const context = canvas.getContext("2d");
  patches.forEach((patch, i) => {
    const rgba = intensityToRgba(patch, channels, objectSize);
    context?.putImageData(new ImageData(rgba, objectSize, objectSize), i * objectSize, 0);
  });
}

function columns(count: number, element: HTMLElement): HTMLElement {
  element.style.setProperty("--columns", String(count));
  return element;
}
