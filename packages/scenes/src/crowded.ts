/**
 * How images of many objects are trained on, found on the data set `cells` (docs/ablation.md). Without imports, as the definitions of
 * data sets load at once.
 */

/** Objects that touch leave little when one window takes both, so the likelihood must be narrow enough to see it. */
export const crowdedLikelihood = { type: "gaussian", std: 0.2 } as const;

/** Settings of training beside the model's. */
export const crowdedTraining = {
  /** All counts occur in the images themselves, and composed ones do harm. */
  composition: null,
  /** Most objects that are looked for in training images. */
  trainingMaxSteps: 8,
  /** The default prior leaves more images with too few objects. */
  presencePriorSchedule: { from: 0.01, to: 0.6, share: 0.15 },
} as const;
