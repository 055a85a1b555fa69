/** What the page and its training worker say to each other. */
import type { ZWhere } from "@air-onnx/core";
import type { CurvePoint } from "./training-store.js";

export type ToTrainer =
  | {
      /** Opens the training: the kept one if there is one and `seed` is undefined, else a new one. */
      readonly open: { readonly training: string; readonly seed: number | undefined };
    }
  | { readonly run: boolean }
  | { readonly takeModel: true };

/** One held-out image and what the model makes of it. */
export interface Explained {
  readonly count: number;
  readonly zWhere: readonly ZWhere[];
  /** `[C, S, S]` */
  readonly reconstruction: Float32Array;
}

export type FromTrainer =
  | {
      readonly opened: {
        readonly seed: number;
        readonly step: number;
        readonly steps: number;
        readonly imageSize: number;
        readonly channels: number;
        readonly curve: readonly CurvePoint[];
        /** Held-out images that are shown, each `[C, S, S]`, and their true counts. */
        readonly images: readonly Float32Array[];
        readonly counts: readonly number[];
      };
    }
  | {
      readonly progress: {
        readonly step: number;
        readonly stepsPerSecond: number;
        readonly secondsLeft: number;
        /** Of the last steps. */
        readonly losses: readonly number[];
        /** Mean number of objects in a training image, as the model sees it. */
        readonly meanCount: number;
      };
    }
  | { readonly point: CurvePoint }
  | { readonly explained: readonly Explained[] }
  | { readonly paused: { readonly step: number; readonly isFinished: boolean } }
  | { readonly model: ReadonlyMap<string, Uint8Array<ArrayBuffer>> }
  | { readonly notice: string }
  | { readonly failure: string };
