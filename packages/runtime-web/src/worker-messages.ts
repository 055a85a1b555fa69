/**
 * Messages between a page and its model's worker. The page numbers its calls. The worker answers each call once, and may
 * send progress reports before the answer.
 */
import type {
  DecodeOptions,
  EvidenceOptions,
  InferenceOptions,
  Picture,
  PictureOptions,
  SampleOptions,
  SceneLatents,
  StepReport,
  SummaryOptions,
} from "@air-onnx/core";
import type { ErrorMessage } from "./error-message.js";
import type { OpenOptions } from "./open-model.js";
import type { ResolvedSettings } from "./settings.js";

/** Options without members that cannot be posted. */
type Posted<Options> = Omit<Options, "signal" | "onStep" | "onProgress">;

/** A call of the page to the worker. */
export type Call =
  /** Starts onnxruntime; progress is in bytes of WebAssembly. */
  | { readonly call: "start"; readonly settings: ResolvedSettings }
  | { readonly call: "open"; readonly options: Posted<OpenOptions> }
  | {
      readonly call: "infer";
      readonly images: Float32Array;
      readonly options: Posted<InferenceOptions> | Posted<SummaryOptions>;
      readonly reportSteps: boolean;
    }
  | {
      readonly call: "inferPictures";
      readonly pictures: readonly Picture[];
      readonly options: Posted<PictureOptions>;
    }
  | { readonly call: "evidence"; readonly images: Float32Array; readonly options: Posted<EvidenceOptions> }
  | { readonly call: "decode"; readonly scenes: readonly SceneLatents[]; readonly options: Posted<DecodeOptions> }
  | { readonly call: "sample"; readonly n: number; readonly options: Posted<SampleOptions> }
  | { readonly call: "dispose" };

/** A message from the page to the worker. */
export type ToWorker =
  | ({ readonly id: number } & Call)
  | { readonly id: number; readonly abort: true }
  /** The page's `onStep` has finished with a reported step. */
  | { readonly id: number; readonly stepDone: true };

/** A message from the worker to the page. */
export type ToPage =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ErrorMessage }
  | { readonly id: number; readonly step: StepReport }
  /** `total` is there where the caller does not know it. */
  | { readonly id: number; readonly progress: number; readonly total?: number };
