/** Says in plain words what a training does at the moment. */

export interface LearningNow {
  readonly step: number;
  readonly isFinished: boolean;
  /** Share of held-out images that are counted right; undefined where no true count is known. */
  readonly accuracy: number | undefined;
  /** Mean number of objects that the model sees in an image. */
  readonly meanCount: number | undefined;
}

/** Mean count from which objects are explained by several windows: the images of the page have one object on average. */
const CROWDED = 1.15;

export function learningInWords({ step, isFinished, accuracy, meanCount = 0 }: LearningNow): string {
  if (step === 0) return "It knows nothing yet: its windows are anywhere, and what it draws in them is fog.";
  if (isFinished) {
    return accuracy === undefined
      ? "Done. Your images have no counts to compare with: look at the windows, or draw for it."
      : `Done. It counts ${Math.round(100 * accuracy)}\u00a0% of images that it never learned from, and nobody ever told it a count.`;
  }
  if (accuracy !== undefined && accuracy >= 0.95)
    return "It counts. What is left: objects that touch, and finer strokes.";
  if (accuracy !== undefined && accuracy >= 0.75) {
    return "A window for each object now. Where two are close, it still takes them for one.";
  }
  if (meanCount > CROWDED) {
    return "It has found that windows on the ink pay, and puts all of them there: several share one object, and each draws a part of the blur.";
  }
  if (meanCount > 0.5) {
    return "It has found that a window on the ink pays. Two objects are one to it, until it sees that two small windows redraw them better than one.";
  }
  return "An object costs more than it explains so far, so it says that nothing is there, and practises drawing blurred strokes.";
}

/** Formats a time: 95 → "1:35 min left". */
export function timeLeftInWords(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s left`;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min left`;
}
