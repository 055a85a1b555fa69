/** How far the scores of found objects can be taken for probabilities, over many images. */
import { type Box, type JudgedObject, matchBoxes, SCORE_IOU, type Scene, unexplainedShare } from "@air-onnx/core";
import type { ImageForm } from "@air-onnx/scenes";

/** Objects with neighbouring scores. */
export interface ReliabilityGroup {
  /** Number of objects. */
  readonly objects: number;
  /** Mean of their scores. */
  readonly meanScore: number;
  /** Share of them that is really there. */
  readonly right: number;
}

/**
 * Agreement of scores with the truth, over the objects found in images whose true boxes are known. An object is really there if
 * its tight box has an IoU of at least 0.5 with the true box that it is matched with, so that the sum of IoUs in the image is the
 * largest.
 */
export interface ScoreQuality {
  /** Number of objects. */
  readonly objects: number;
  /** Share of them that is really there. */
  readonly right: number;
  /**
   * Expected calibration error: the mean over the objects of |mean score − share that is really there| of the object's group
   * (Naeini et al., AAAI 2015), of {@link reliability}.
   */
  readonly calibrationError: number;
  /** Mean of (score − 1 or 0)² over the objects (Brier, 1950). */
  readonly brier: number;
  /**
   * Probability that an object which is there has a higher score than one which is not, equal scores counting half (the area
   * under the ROC curve); null if there are none of either kind.
   */
  readonly ranking: number | null;
  /** Ten groups of equally many objects, by rising score; fewer where there are fewer objects. */
  readonly reliability: readonly ReliabilityGroup[];
}

/** Number of groups of {@link ScoreQuality.reliability}. */
const GROUPS = 10;

/** Collects the scores of found objects. */
export class ScoreTally {
  readonly #found: { readonly score: number; readonly isRight: boolean }[] = [];

  /**
   * Adds the objects of an image.
   *
   * @param truth the true boxes of all objects in the image
   */
  add(objects: Scene["objects"], truth: readonly Box[]): void {
    const right = rightObjects(objects, truth);
    objects.forEach(({ score }, i) => void this.#found.push({ score, isRight: right.has(i) }));
  }

  /** Returns the quality over all images so far; undefined if no object was found in them. */
  result(): ScoreQuality | undefined {
    const ranked = [...this.#found].sort((a, b) => a.score - b.score);
    const total = ranked.length;
    if (total === 0) return undefined;
    const groups = Math.min(GROUPS, total);
    const reliability = Array.from({ length: groups }, (_, group): ReliabilityGroup => {
      const part = ranked.slice(Math.floor((group * total) / groups), Math.floor(((group + 1) * total) / groups));
      return {
        objects: part.length,
        meanScore: mean(part.map(({ score }) => score)),
        right: mean(part.map(({ isRight }) => Number(isRight))),
      };
    });
    return {
      objects: total,
      right: mean(ranked.map(({ isRight }) => Number(isRight))),
      calibrationError:
        reliability.reduce((sum, { objects, meanScore, right }) => sum + objects * Math.abs(meanScore - right), 0) /
        total,
      brier: mean(ranked.map(({ score, isRight }) => (score - Number(isRight)) ** 2)),
      ranking: rankingOf(ranked),
      reliability,
    };
  }
}

/** The found objects of an image as a calibration of scores is fitted to them. */
export function judgeObjects(
  { objects, reconstruction }: Pick<Scene, "objects" | "reconstruction">,
  image: Float32Array,
  truth: readonly Box[],
  form: ImageForm,
): JudgedObject[] {
  const right = rightObjects(objects, truth);
  return objects.map(({ presence, zWhere }, i) => ({
    presence,
    unexplained: unexplainedShare(zWhere, image, reconstruction, form),
    isRight: right.has(i),
  }));
}

/** The indices of the objects that are really there, each with that of its true box. */
export function rightObjects(objects: Scene["objects"], truth: readonly Box[]): ReadonlyMap<number, number> {
  const boxes = objects.map(({ tightBox }) => tightBox);
  return new Map(
    matchBoxes(boxes, truth)
      .filter(({ iou }) => iou >= SCORE_IOU)
      .map(({ found, truth: object }) => [found, object]),
  );
}

/** @param ranked objects by rising score */
function rankingOf(ranked: readonly { readonly score: number; readonly isRight: boolean }[]): number | null {
  let wins = 0;
  let wrongBefore = 0;
  let [right, wrong] = [0, 0];
  for (let start = 0; start < ranked.length; ) {
    let end = start;
    while (end < ranked.length && ranked[end]!.score === ranked[start]!.score) end++;
    const equal = ranked.slice(start, end);
    const equalRight = equal.filter(({ isRight }) => isRight).length;
    const equalWrong = equal.length - equalRight;
    wins += equalRight * (wrongBefore + equalWrong / 2);
    wrongBefore += equalWrong;
    right += equalRight;
    wrong += equalWrong;
    start = end;
  }
  return right > 0 && wrong > 0 ? wins / (right * wrong) : null;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
