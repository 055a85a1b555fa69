/** How training opens its graphs in onnxruntime. */
import type { InferenceSession } from "@air-onnx/runtime-node/onnxruntime";

/** @param threads of one operator; 0 lets onnxruntime choose one per physical core */
export function trainingSessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    // Threads that spin while they wait gain nothing on an idle machine, and halve the speed of a busy one: measured 28.2
    // ms a step with and without on two idle cores, and 92 against 51 beside another job.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  };
}
