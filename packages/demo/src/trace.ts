/** Records the steps of the inference of one image, for the page's story. */
import type { Scene, StepReport, ZWhere } from "@air-onnx/core";

/** The values of one step. */
export interface RecordedStep {
  /** Probability of this step's object, given that all objects before it are present. */
  readonly presence: number;
  readonly zWhere: ZWhere;
  /** `[C, O, O]` */
  readonly glimpse: Float32Array;
  readonly patch: Float32Array;
  /** Canvas with this step's object and all before it, `[C, S, S]`. */
  readonly canvas: Float32Array;
  /** KL divergence of the step's posterior from the prior, nats. */
  readonly kl: number;
}

export interface Inference {
  /** The image, `[C, S, S]`. */
  readonly image: Float32Array;
  readonly scene: Scene;
  /** All steps that were run; the last one may have found nothing. */
  readonly steps: readonly RecordedStep[];
}

/** Copies the report of a batch of one image, because the loop may reuse its arrays. */
export function recordStep({ presence, zWhere, glimpse, patch, canvas, kl }: StepReport): RecordedStep {
  return {
    presence: presence[0]!,
    zWhere: [zWhere[0]!, zWhere[1]!, zWhere[2]!],
    glimpse: glimpse.slice(),
    patch: patch.slice(),
    canvas: canvas.slice(),
    kl: kl[0]!,
  };
}
