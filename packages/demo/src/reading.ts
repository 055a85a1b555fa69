/** Shows the inferred scene: the count with its probabilities, the reconstruction, and the list of objects. */
import { type AirConfig, mapCount } from "@air-onnx/core";
import { byId, make, resizeChildren, within } from "./elements.js";
import { showObjects } from "./object-list.js";
import { paintPlanes, showBoxes } from "./picture-view.js";
import type { Inference } from "./trace.js";
import { countObjects, sceneInWords, shareInWords, UNLIKE } from "./words.js";

/** Time without a change after which screen readers announce a summary, ms. */
const REST = 700;

export class Reading {
  readonly #count = byId("count", HTMLElement);
  readonly #unlike = byId("unlike", HTMLElement);
  readonly #bars = byId("bars", HTMLElement);
  readonly #reconstruction = byId("reconstruction", HTMLCanvasElement);
  readonly #boxes = byId("reconstruction-boxes", SVGSVGElement);
  readonly #objects = byId("objects", HTMLElement);
  readonly #summary = byId("summary", HTMLElement);
  #announcement: ReturnType<typeof setTimeout> | undefined;

  /** Reserves the space of the results, so that the page does not move when they arrive. */
  reserve(maxSteps: number): void {
    this.#showBars(new Array<number>(maxSteps + 1).fill(0));
  }

  show({ scene }: Inference, { imageSize, channels }: AirConfig): void {
    this.#count.textContent = countObjects(scene.count);
    this.#unlike.replaceChildren(
      ...(scene.typical === false ? [make("span", { className: "badge", textContent: UNLIKE })] : []),
    );
    this.#showBars(scene.countProbabilities);
    paintPlanes(this.#reconstruction, scene.reconstruction, channels);
    showBoxes(
      this.#boxes,
      scene.objects.map(({ tightBox }, index) => ({ box: tightBox, index })),
      imageSize,
    );
    showObjects(
      this.#objects,
      scene.objects.map(({ tightBox, patch, presence }) => ({ box: tightBox, patch, presence })),
      { imageSize, channels },
    );
    clearTimeout(this.#announcement);
    this.#announcement = setTimeout(() => {
      this.#summary.textContent = sceneInWords(scene, imageSize);
    }, REST);
  }

  #showBars(probabilities: readonly number[]): void {
    const rows = resizeChildren(this.#bars, probabilities.length, (n) =>
      make(
        "li",
        {},
        make("span", { textContent: String(n) }),
        make("span", { className: "bar" }, make("div", { className: "fill" })),
        make("span", { className: "value" }),
      ),
    );
    const known = probabilities.some((p) => p > 0);
    const most = known ? mapCount(probabilities) : -1;
    rows.forEach((row, n) => {
      row.classList.toggle("most", n === most);
      within(row, ".fill", HTMLElement).style.transform = `scaleX(${probabilities[n]!})`;
      within(row, ".value", HTMLElement).textContent = known ? shareInWords(probabilities[n]!) : "";
    });
  }
}
