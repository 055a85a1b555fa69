/** Records the steps of the inference of one image, for the page's story. */
import type { Scene, StepReport, ZWhere } from "@air-onnx/core";
import type { AirModel } from "@air-onnx/runtime-web";

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

/** Infers one image and records every step, also those whose objects explain nothing: the story and the chart show them. */
export async function inferWithSteps(model: AirModel, image: Float32Array): Promise<Inference> {
  const steps: RecordedStep[] = [];
  const [scene] = await model.infer(image, {
    prune: false,
    onStep: (report) => {
      steps.push(recordStep(report));
    },
  });
  return { image, scene: scene!, steps };
}
