/**
 * What a page and the worker of its model say to each other. The page numbers its calls; the worker answers each once,
 * and may send reports of its progress before.
 */
import type {
  DecodeOptions,
  EvidenceOptions,
  InferenceOptions,
  SampleOptions,
  SceneLatents,
  StepReport,
} from "@air-onnx/core";
import type { ErrorMessage } from "./error-message.js";
import type { OpenOptions } from "./open-model.js";
import type { ResolvedSettings } from "./settings.js";

/** Options without what cannot be posted. */
type Posted<Options> = Omit<Options, "signal" | "onStep" | "onProgress">;

export type Call =
  /** Its progress is in bytes of WebAssembly. */
  | { readonly call: "start"; readonly settings: ResolvedSettings }
  | { readonly call: "open"; readonly options: Posted<OpenOptions> }
  | {
      readonly call: "infer";
      readonly images: Float32Array;
      readonly options: Posted<InferenceOptions>;
      readonly reportSteps: boolean;
    }
  | { readonly call: "evidence"; readonly images: Float32Array; readonly options: Posted<EvidenceOptions> }
  | { readonly call: "decode"; readonly scenes: readonly SceneLatents[]; readonly options: Posted<DecodeOptions> }
  | { readonly call: "sample"; readonly n: number; readonly options: Posted<SampleOptions> }
  | { readonly call: "dispose" };

export type ToWorker =
  | ({ readonly id: number } & Call)
  | { readonly id: number; readonly abort: true }
  /** The page is done with a step that was reported. */
  | { readonly id: number; readonly stepDone: true };

export type ToPage =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ErrorMessage }
  | { readonly id: number; readonly step: StepReport }
  | { readonly id: number; readonly progress: number };
