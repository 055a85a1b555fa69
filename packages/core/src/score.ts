/**
 * The score of an object: the probability that it is really there, calibrated on held-out images whose true boxes are known. The
 * presence alone cannot be it: a model is nearly always certain. What tells wrong objects is how much of the image in their
 * windows the scene leaves unexplained.
 *
 * Letters: S image side, C channels.
 */
import { z } from "zod";
import type { AirConfig } from "./config.js";
import { sigmoid } from "./count.js";
import { boxFromZWhere, type ZWhere } from "./where.js";

/** What an object's score depends on. */
export interface ScoreEvidence {
  /** Probability q(n ≥ t | x) that the t-th object is present. */
  readonly presence: number;
  /**
   * Share of the image in the object's window that the scene does not explain: Σ (image − reconstruction)² / Σ image² over the
   * pixels whose centres lie in the window; 0 where the window has no light.
   */
  readonly unexplained: number;
}

/** The schema of {@link ScoreCalibration} in a manifest. */
export const scoreCalibrationSchema = z.strictObject({
  /** Number of objects found in held-out images that the calibration was fitted to. */
  objects: z.int().positive(),
  /** Log-odds of an object with even presence of which all is unexplained. */
  bias: z.number(),
  /** Factor of the log-odds of `presence`, which are limited to those of 1e-6 and 1 − 1e-6. */
  presence: z.number(),
  /** Factor of log(`unexplained` + 0.001). */
  unexplained: z.number(),
});

/** The logistic regression by which a score follows from {@link ScoreEvidence}. */
export type ScoreCalibration = z.output<typeof scoreCalibrationSchema>;

/** Found objects, right or wrong, to fit to. */
export interface JudgedObject extends ScoreEvidence {
  /** Whether the object's tight box has an IoU of at least {@link SCORE_IOU} with the true box that it is matched with. */
  readonly isRight: boolean;
}

/** Least IoU of the tight box with a true one of an object that counts as really there. */
export const SCORE_IOU = 0.5;
/** Fewest objects to fit to. */
export const LEAST_SCORE_OBJECTS = 100;

/** Bounds that keep the logarithms of {@link ScoreEvidence} finite. */
export const scoreBounds = { leastProbability: 1e-6, leastUnexplained: 1e-3 } as const;
/** Strength of the prior on the factors, which keeps them finite where all objects are right. */
const RIDGE = 0.1;
const NEWTON_STEPS = 50;

/**
 * Measures the share of the image in a window that is left unexplained, see {@link ScoreEvidence}.
 *
 * @param image `[C, S, S]`, intensities in [0, 1]
 * @param reconstruction canvas with all objects of the scene, `[C, S, S]`
 */
export function unexplainedShare(
  zWhere: ZWhere,
  image: Float32Array,
  reconstruction: Float32Array,
  { channels, imageSize }: Pick<AirConfig, "channels" | "imageSize">,
): number {
  const { xmin, ymin, xmax, ymax } = boxFromZWhere(zWhere, imageSize);
  const inside = (edge: number): number => Math.min(imageSize, Math.max(0, Math.ceil(edge - 0.5)));
  let light = 0;
  let left = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = inside(ymin); y < inside(ymax); y++) {
      const row = (c * imageSize + y) * imageSize;
      for (let i = row + inside(xmin); i < row + inside(xmax); i++) {
        light += image[i]! ** 2;
        left += (image[i]! - reconstruction[i]!) ** 2;
      }
    }
  }
  return light > 0 ? left / light : 0;
}

/** The score of an object, in [0, 1]; its presence if there is no calibration. */
export function scoreOf(evidence: ScoreEvidence, calibration: ScoreCalibration | undefined): number {
  if (calibration === undefined) return evidence.presence;
  const { bias, presence, unexplained } = calibration;
  const [, logOdds, logUnexplained] = regressors(evidence);
  return sigmoid(bias + presence * logOdds + unexplained * logUnexplained);
}

/**
 * Fits a calibration to found objects: the logistic regression of largest likelihood, with a weak prior on its factors.
 *
 * @returns undefined for fewer than {@link LEAST_SCORE_OBJECTS} objects
 */
export function fitScore(objects: readonly JudgedObject[]): ScoreCalibration | undefined {
  if (objects.length < LEAST_SCORE_OBJECTS) return undefined;
  const rows = objects.map(regressors);
  const weights: [number, number, number] = [0, 0, 0];
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const gradient: [number, number, number] = [0, -RIDGE * weights[1], -RIDGE * weights[2]];
    const curvature = [
      [1e-9, 0, 0],
      [0, RIDGE, 0],
      [0, 0, RIDGE],
    ];
    rows.forEach((row, i) => {
      const p = sigmoid(row[0] * weights[0] + row[1] * weights[1] + row[2] * weights[2]);
      for (let a = 0; a < 3; a++) {
        gradient[a]! += ((objects[i]!.isRight ? 1 : 0) - p) * row[a]!;
        for (let b = 0; b < 3; b++) curvature[a]![b]! += p * (1 - p) * row[a]! * row[b]!;
      }
    });
    const change = solve(curvature, gradient);
    // Far from the optimum a whole step of Newton's method can overshoot.
    const scale = Math.min(1, 2 / Math.max(...change.map(Math.abs)));
    change.forEach((value, a) => {
      weights[a]! += scale * value;
    });
    if (Math.max(...change.map(Math.abs)) < 1e-9) break;
  }
  const [bias, presence, unexplained] = weights;
  return { objects: objects.length, bias, presence, unexplained };
}

function regressors({ presence, unexplained }: ScoreEvidence): [number, number, number] {
  const { leastProbability, leastUnexplained } = scoreBounds;
  const p = Math.min(1 - leastProbability, Math.max(leastProbability, presence));
  return [1, Math.log(p / (1 - p)), Math.log(unexplained + leastUnexplained)];
}

/** Solves a system of linear equations with a positive definite matrix, by elimination. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const size = rows.length;
  for (let i = 0; i < size; i++) {
    for (let below = i + 1; below < size; below++) {
      const factor = rows[below]![i]! / rows[i]![i]!;
      for (let k = i; k <= size; k++) rows[below]![k]! -= factor * rows[i]![k]!;
    }
  }
  const solution = new Array<number>(size).fill(0);
  for (let i = size - 1; i >= 0; i--) {
    let rest = rows[i]![size]!;
    for (let k = i + 1; k < size; k++) rest -= rows[i]![k]! * solution[k]!;
    solution[i] = rest / rows[i]![i]!;
  }
  return solution;
}
