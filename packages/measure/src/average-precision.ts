/** Average precision: how well found boxes, ranked by their scores, agree with true ones, over many images. */
import { type Box, intersectionOverUnion } from "@air-onnx/core";

/** A found box and how sure the model is of it. */
export interface ScoredBox {
  /** The box, in pixels of the image. */
  readonly box: Box;
  /** Score by which boxes are ranked, the higher the surer: an object's presence. */
  readonly score: number;
}

/** Thresholds of the mean: the least IoU of a hit. */
const THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;
/** Number of recalls, evenly spaced from 0 to 1, at which COCO takes the precision. */
const RECALLS = 101;

/** Averages of the precision, in [0, 1]. */
export interface AveragePrecision {
  /** Average precision where a hit has an IoU of at least 0.5 (AP50). */
  readonly at50: number;
  /** Mean of the average precisions at least IoUs of 0.1, 0.2, …, 0.9. */
  readonly mean: number;
}

/**
 * Collects boxes image by image, and computes the average precision as COCO does (Lin et al., 2014). Found boxes are ranked by
 * their scores, over all images; equal scores keep the order in which they were added. In each image, the boxes in this
 * order each take the true box that is still free with the largest IoU, if that is at least the threshold: a hit. The
 * precision at a recall r is the largest share of hits among the first boxes of the ranking, as many as one likes that
 * reach r, and 0 if none does. The average precision is its mean over the recalls 0, 0.01, …, 1.
 */
export class AveragePrecisionTally {
  readonly #scores: number[] = [];
  /** For each found box a bit for each threshold, which is 1 if the box is a hit there. */
  readonly #hits: number[] = [];
  #trueBoxes = 0;

  /** Adds an image. */
  add(found: readonly ScoredBox[], truth: readonly Box[]): void {
    this.#trueBoxes += truth.length;
    const ranked = [...found].sort((a, b) => b.score - a.score);
    const overlaps = ranked.map(({ box }) => truth.map((other) => intersectionOverUnion(box, other)));
    const hits = ranked.map(() => 0);
    THRESHOLDS.forEach((threshold, bit) => {
      const free = new Set(truth.keys());
      overlaps.forEach((row, i) => {
        const best = [...free].reduce((a, b) => (a === -1 || row[b]! > row[a]! ? b : a), -1);
        if (best === -1 || row[best]! < threshold) return;
        free.delete(best);
        hits[i]! |= 1 << bit;
      });
    });
    ranked.forEach(({ score }, i) => {
      this.#scores.push(score);
      this.#hits.push(hits[i]!);
    });
  }

  /** Returns the averages over all images so far; undefined if none of them had a true box. */
  result(): AveragePrecision | undefined {
    if (this.#trueBoxes === 0) return undefined;
    const ranking = [...this.#scores.keys()].sort((a, b) => this.#scores[b]! - this.#scores[a]!);
    const averages = THRESHOLDS.map((_, bit) =>
      averagePrecision(
        ranking.map((i) => (this.#hits[i]! & (1 << bit)) !== 0),
        this.#trueBoxes,
      ),
    );
    return {
      at50: averages[THRESHOLDS.indexOf(0.5)]!,
      mean: averages.reduce((sum, value) => sum + value, 0) / averages.length,
    };
  }
}

/** @param isHit whether each box of the ranking is a hit */
function averagePrecision(isHit: readonly boolean[], trueBoxes: number): number {
  let hits = 0;
  const hitsSoFar = isHit.map((hit) => (hit ? ++hits : hits));
  let [sum, best, place] = [0, 0, isHit.length];
  // From the last recall down, so that `best` is the largest precision at this recall or beyond.
  for (let step = RECALLS - 1; step >= 0; step--) {
    // Whole numbers: hits / trueBoxes ≥ step / (RECALLS - 1).
    while (place > 0 && hitsSoFar[place - 1]! * (RECALLS - 1) >= step * trueBoxes) {
      best = Math.max(best, hitsSoFar[place - 1]! / place);
      place--;
    }
    sum += best;
  }
  return sum / RECALLS;
}
