/** What the page and its training worker say to each other. */
import type { ZWhere } from "@air-onnx/core";
import type { OwnImages } from "./own-images.js";
import type { CurvePoint } from "./training-store.js";

/** How much of a processor the training takes, and how often it shows what it does. */
export type Pace = "gentle" | "even" | "fast";

export type ToTrainer =
  | {
      /** Opens the kept training if there is one, or a new one by seed 0; with `anew` always a new one. */
      readonly open: {
        /** Address of the folder of the training files. */
        readonly training: string;
        /** Under which name the training is kept in the browser. */
        readonly keepAs: "training" | "rival";
        readonly anew?:
          | {
              readonly seed: number;
              /** The visitor's own images; undefined for those that the page draws. */
              readonly images: OwnImages | undefined;
            }
          | undefined;
      };
    }
  | { readonly run: boolean }
  | { readonly pace: Pace }
  | { readonly takeModel: true };

/** One held-out image and what the model makes of it. */
export interface Explained {
  readonly count: number;
  readonly zWhere: readonly ZWhere[];
  /** `[C, S, S]` */
  readonly reconstruction: Float32Array;
}

/** Why a training stopped: the numbers are not finite any more, there is no memory left, or anything else. */
export type FailureKind = "diverged" | "memory" | "other";

export interface Opened {
  readonly seed: number;
  readonly step: number;
  readonly steps: number;
  readonly imageSize: number;
  readonly channels: number;
  readonly curve: readonly CurvePoint[];
  /** The visitor's own images that it learns from; undefined for those that the page draws. */
  readonly own: OwnImages | undefined;
  /** Held-out images that are shown, each `[C, S, S]`. */
  readonly images: readonly Float32Array[];
  /** Their true counts, if these are known. */
  readonly counts: readonly number[] | undefined;
}

export interface Progress {
  readonly step: number;
  readonly stepsPerSecond: number;
  readonly secondsLeft: number;
  /** Of the last steps. */
  readonly losses: readonly number[];
  /** Mean number of objects in a training image, as the model sees it. */
  readonly meanCount: number;
}

export interface TakenModel {
  /** Contents of the model's folder by their paths. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Whether the browser keeps it, so that the drawing page finds it. */
  readonly isKept: boolean;
}

export type FromTrainer =
  | { readonly opened: Opened }
  | { readonly progress: Progress }
  | { readonly point: CurvePoint }
  | { readonly explained: readonly Explained[] }
  | { readonly paused: { readonly step: number; readonly isFinished: boolean } }
  /** The browser let the training sleep, seconds. */
  | { readonly slept: number }
  | { readonly model: TakenModel }
  | { readonly notice: string }
  | { readonly failure: { readonly kind: FailureKind; readonly message: string } };
