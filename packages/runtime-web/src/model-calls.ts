/** What can be asked of an open model, wherever it runs: in this page, or behind a worker. */
import type { LoadedModel } from "@air-onnx/core";

export type ModelCalls = Pick<LoadedModel<string>, "infer" | "evidence" | "decode" | "sample" | "dispose">;
