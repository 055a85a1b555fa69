/** The agreement of found boxes with true ones, over many images. */
import { type Box, matchBoxes } from "@air-onnx/core";
import { AveragePrecisionTally, type ScoredBox } from "./average-precision.js";

/** The agreement of found boxes with true ones, over the images whose true boxes are known, including empty ones. */
export interface BoxQuality {
  /** Number of images. */
  readonly images: number;
  /** Number of true boxes. */
  readonly trueBoxes: number;
  /** Number of found boxes. */
  readonly foundBoxes: number;
  /**
   * Mean intersection over union (IoU) of the matched boxes; null if none is matched. Boxes are matched one to one so that
   * the sum of IoUs in each image is the largest.
   */
  readonly meanIouMatched: number | null;
  /** Mean IoU with 0 for every box, found or true, that is left without a match; null if there is no box. */
  readonly meanIou: number | null;
  /** Share of the found boxes that match a true one with an IoU of at least 0.5; null if there is no found box. */
  readonly precision: number | null;
  /** Share of the true boxes that match a found one with an IoU of at least 0.5; null if there is no true box. */
  readonly recall: number | null;
  /** The same with an IoU of at least 0.75. */
  readonly recall75: number | null;
  /** Average precision at IoU 0.5 of the found boxes ranked by presence, as COCO defines it; null if there is no true box. */
  readonly ap50: number | null;
  /** Mean of the average precisions at IoU 0.1, 0.2, …, 0.9; null if there is no true box. */
  readonly ap: number | null;
}

const LEAST_IOU = 0.5;
const LEAST_IOU_OF_TIGHT = 0.75;

/** Adds up box quality image by image. */
export class BoxTally {
  #images = 0;
  #trueBoxes = 0;
  #foundBoxes = 0;
  #matched = 0;
  #iou = 0;
  #hits = 0;
  #tightHits = 0;
  readonly #precision = new AveragePrecisionTally();

  /**
   * Adds an image.
   *
   * @param found the boxes that were found, with their scores
   * @param truth the true boxes of all objects in the image
   */
  add(found: readonly ScoredBox[], truth: readonly Box[]): void {
    this.#images++;
    this.#trueBoxes += truth.length;
    this.#foundBoxes += found.length;
    this.#precision.add(found, truth);
    const boxes = found.map(({ box }) => box);
    for (const { iou } of matchBoxes(boxes, truth)) {
      this.#matched++;
      this.#iou += iou;
      if (iou >= LEAST_IOU) this.#hits++;
      if (iou >= LEAST_IOU_OF_TIGHT) this.#tightHits++;
    }
  }

  /** Returns the quality over all images so far; undefined if none of them had a true box. */
  result(): BoxQuality | undefined {
    if (this.#trueBoxes === 0) return undefined;
    const precision = this.#precision.result();
    const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
    return {
      images: this.#images,
      trueBoxes: this.#trueBoxes,
      foundBoxes: this.#foundBoxes,
      meanIouMatched: share(this.#iou, this.#matched),
      meanIou: share(this.#iou, this.#trueBoxes + this.#foundBoxes - this.#matched),
      precision: share(this.#hits, this.#foundBoxes),
      recall: share(this.#hits, this.#trueBoxes),
      recall75: share(this.#tightHits, this.#trueBoxes),
      ap50: precision?.at50 ?? null,
      ap: precision?.mean ?? null,
    };
  }
}
