/** How well found boxes lie on true ones, over many images. */
import { type Box, matchBoxes } from "@air-onnx/core";

/** Over the images whose true boxes are known, those without objects among them. */
export interface BoxQuality {
  readonly images: number;
  readonly trueBoxes: number;
  readonly foundBoxes: number;
  /**
   * Mean intersection over union of the boxes that are matched, so that their sum in each image is the largest; null if
   * none is.
   */
  readonly meanIouMatched: number | null;
  /** The same with 0 for every box, found or true, that is left without a match. */
  readonly meanIou: number | null;
  /** Share of the found boxes that lie on a true one with an intersection over union of at least 0.5. */
  readonly precision: number | null;
  /** Share of the true boxes that are so found. */
  readonly recall: number | null;
}

const LEAST_IOU = 0.5;

export class BoxTally {
  #images = 0;
  #trueBoxes = 0;
  #foundBoxes = 0;
  #matched = 0;
  #iou = 0;
  #hits = 0;

  /** @param truth of all objects of the image */
  add(found: readonly Box[], truth: readonly Box[]): void {
    this.#images++;
    this.#trueBoxes += truth.length;
    this.#foundBoxes += found.length;
    for (const { iou } of matchBoxes(found, truth)) {
      this.#matched++;
      this.#iou += iou;
      if (iou >= LEAST_IOU) this.#hits++;
    }
  }

  /** Undefined if no true box was added: nothing is known then. */
  result(): BoxQuality | undefined {
    if (this.#trueBoxes === 0) return undefined;
    const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
    return {
      images: this.#images,
      trueBoxes: this.#trueBoxes,
      foundBoxes: this.#foundBoxes,
      meanIouMatched: share(this.#iou, this.#matched),
      meanIou: share(this.#iou, this.#trueBoxes + this.#foundBoxes - this.#matched),
      precision: share(this.#hits, this.#foundBoxes),
      recall: share(this.#hits, this.#trueBoxes),
    };
  }
}
