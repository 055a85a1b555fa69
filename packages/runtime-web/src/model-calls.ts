/** The calls that an open model answers, whether it runs in this page or in a worker. */
import type { LoadedModel } from "@air-onnx/core";

/** Calls of an open model. */
export type ModelCalls = Pick<
  LoadedModel<string>,
  "infer" | "inferPictures" | "evidence" | "decode" | "sample" | "dispose"
>;
