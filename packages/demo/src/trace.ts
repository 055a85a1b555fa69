/** The steps of one inference over one image, kept for looking at: the story that the page tells. */
import type { Scene, StepReport, ZWhere } from "@air-onnx/core";

export interface TracedStep {
  /** That there is one more object, given those before. */
  readonly presence: number;
  readonly zWhere: ZWhere;
  /** `[C, O, O]` */
  readonly glimpse: Float32Array;
  readonly patch: Float32Array;
  /** With this step's object and all before, `[C, S, S]`. */
  readonly canvas: Float32Array;
  /** Of the step's posterior from the prior, nats. */
  readonly kl: number;
}

export interface Inference {
  /** What was looked at, `[C, S, S]`. */
  readonly image: Float32Array;
  readonly scene: Scene;
  /** All steps that were run: the last may be the one that found nothing. */
  readonly steps: readonly TracedStep[];
}

/** The report of a batch of one; its arrays are the loop's and may be reused, so they are copied. */
export function traceStep({ presence, zWhere, glimpse, patch, canvas, kl }: StepReport): TracedStep {
  return {
    presence: presence[0]!,
    zWhere: [zWhere[0]!, zWhere[1]!, zWhere[2]!],
    glimpse: glimpse.slice(),
    patch: patch.slice(),
    canvas: canvas.slice(),
    kl: kl[0]!,
  };
}
