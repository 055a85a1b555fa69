/** Shows the inference step by step: a slider over attend, infer and repeat, and five pictures. */
import { type AirConfig, boxFromZWhere } from "@air-onnx/core";
import { paintAsObject } from "./colours.js";
import { byId, make, resizeChildren, within } from "./elements.js";
import { clearPicture, paintPlanes, paintRgba, type ShownBox, showBoxes } from "./picture-view.js";
import { phases, storyLength, storyPosition, tell } from "./story.js";
import { differenceToRgba, subtract } from "./tone.js";
import type { Inference } from "./trace.js";

const PLAY_PAUSE = 1100;

type Panel = "window" | "glimpse" | "patch" | "canvas" | "residual";
/** Panels that each phase highlights. */
const active: Readonly<Record<(typeof phases)[number], readonly Panel[]>> = {
  attend: ["window", "glimpse"],
  infer: ["patch"],
  repeat: ["canvas", "residual"],
};

export class StoryView {
  readonly #slider = byId("story-slider", HTMLInputElement);
  readonly #ticks = byId("story-ticks", HTMLElement);
  readonly #text = byId("story-text", HTMLElement);
  readonly #play = byId("play", HTMLButtonElement);
  readonly #panels: Readonly<Record<Panel, HTMLElement>>;
  #shown: { readonly inference: Inference; readonly config: AirConfig } | undefined;
  #playing: ReturnType<typeof setInterval> | undefined;

  constructor() {
    const panel = (name: Panel) => within(byId("panels", HTMLElement), `[data-panel="${name}"]`, HTMLElement);
    this.#panels = {
      window: panel("window"),
      glimpse: panel("glimpse"),
      patch: panel("patch"),
      canvas: panel("canvas"),
      residual: panel("residual"),
    };
    this.#slider.addEventListener("input", () => {
      this.#stop();
      this.#render();
    });
    this.#play.addEventListener("click", () => (this.#playing === undefined ? this.#start() : this.#stop()));
  }

  reserve(maxSteps: number): void {
    const last = storyLength(maxSteps) - 1;
    this.#slider.max = String(last);
    this.#slider.parentElement?.style.setProperty("--columns", String(last + 1));
    if (this.#slider.valueAsNumber > last) this.#slider.value = "0";
    resizeChildren(this.#ticks, storyLength(maxSteps), (index) => {
      const { step, phase } = storyPosition(index);
      const number = make("span", { className: "step", textContent: phase === "attend" ? `${step + 1} ` : "" });
      const tick = make("li", {}, number, make("span", { className: "phase", textContent: phase }));
      paintAsObject(tick, step);
      return tick;
    });
  }

  show(inference: Inference, config: AirConfig): void {
    this.#shown = { inference, config };
    this.#render();
  }

  #render(): void {
    if (!this.#shown) return;
    const { inference, config } = this.#shown;
    const { imageSize, channels } = config;
    const index = this.#slider.valueAsNumber;
    const position = storyPosition(index);
    const { scene, steps, image } = inference;
    const { step, found, sentence } = tell(position, { steps, count: scene.count, imageSize });
    if (this.#text.textContent !== sentence) this.#text.textContent = sentence;
    this.#slider.setAttribute("aria-valuetext", `Step ${position.step + 1}, ${position.phase}`);
    Array.from(this.#ticks.children).forEach((tick, i) => {
      tick.classList.toggle("now", i === index);
      tick.classList.toggle("found", storyPosition(i).step < scene.count);
    });

    const seen = phases.indexOf(position.phase);
    const reached = (panel: Panel): boolean =>
      step !== undefined &&
      phases.findIndex((phase) => active[phase].includes(panel)) <= seen &&
      (found || active.attend.includes(panel));
    for (const [name, figure] of Object.entries(this.#panels) as [Panel, HTMLElement][]) {
      paintAsObject(figure, position.step);
      figure.classList.toggle("active", reached(name) && active[position.phase].includes(name));
      // Canvas and residual always show the steps before, so they are never dimmed.
      figure.classList.toggle("later", !reached(name) && !active.repeat.includes(name));
    }

    const before = Math.min(position.step, scene.count);
    const boxes: ShownBox[] = steps
      .slice(0, before)
      .map(({ zWhere }, object) => ({ box: boxFromZWhere(zWhere, imageSize), index: object, look: "faint" }));
    if (step) {
      const box = boxFromZWhere(step.zWhere, imageSize);
      boxes.push({ box, index: position.step, look: found ? undefined : "dashed" });
    }
    this.#picture("window", image, channels);
    this.#overlay("window", boxes, imageSize);
    this.#picture("glimpse", step?.glimpse, channels);
    this.#picture("patch", found && reached("patch") ? step?.patch : undefined, channels);
    const drawn = found && reached("canvas") ? position.step + 1 : before;
    const canvas = drawn > 0 ? steps[drawn - 1]!.canvas : new Float32Array(image.length);
    this.#picture("canvas", canvas, channels);
    this.#overlay(
      "canvas",
      steps.slice(0, drawn).map(({ zWhere }, object) => ({ box: boxFromZWhere(zWhere, imageSize), index: object })),
      imageSize,
    );
    const residual = within(this.#panels.residual, "canvas", HTMLCanvasElement);
    paintRgba(residual, differenceToRgba(subtract(image, canvas), channels, imageSize), imageSize);
  }

  #picture(panel: Panel, planes: Float32Array | undefined, channels: number): void {
    const canvas = within(this.#panels[panel], "canvas", HTMLCanvasElement);
    if (planes) paintPlanes(canvas, planes, channels);
    else clearPicture(canvas);
  }

  #overlay(panel: Panel, boxes: readonly ShownBox[], imageSize: number): void {
    showBoxes(within(this.#panels[panel], "svg", SVGSVGElement), boxes, imageSize);
  }

  #start(): void {
    if (this.#slider.value === this.#slider.max) this.#slider.value = "0";
    this.#play.textContent = "Pause";
    this.#play.setAttribute("aria-pressed", "true");
    this.#render();
    this.#playing = setInterval(() => {
      const next = this.#slider.valueAsNumber + 1;
      const ran = this.#shown?.inference.steps.length ?? 0;
      if (next >= storyLength(ran) || next > Number(this.#slider.max)) {
        this.#stop();
        return;
      }
      this.#slider.value = String(next);
      this.#render();
    }, PLAY_PAUSE);
  }

  #stop(): void {
    clearInterval(this.#playing);
    this.#playing = undefined;
    this.#play.textContent = "Play";
    this.#play.setAttribute("aria-pressed", "false");
  }
}
