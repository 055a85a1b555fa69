/** How training opens its graphs in onnxruntime. */
import type { Device } from "@air-onnx/runtime-node";
import type { InferenceSession } from "@air-onnx/runtime-node/onnxruntime";

/** @param threads of one operator on the CPU; 0 lets onnxruntime choose one per physical core */
export function trainingSessionOptions(threads: number, device: Device = "cpu"): InferenceSession.SessionOptions {
  switch (device) {
    case "cpu":
      return {
        executionProviders: ["cpu"],
        intraOpNumThreads: threads,
        // Threads that spin while they wait gain nothing on an idle machine, and halve the speed of a busy one: measured 28.2
        // ms a step with and without on two idle cores, and 92 against 51 beside another job.
        // Denormal numbers, such as moments that fade away, are slow on many processors, and taken for zero. For the calling
        // thread the first session of a process decides, and it stays so.
        extra: { session: { intra_op: { allow_spinning: "0" }, set_denormal_as_zero: "1" } },
      };
    case "cuda":
      // The number of steps is a shape, which onnxruntime computes on the CPU on purpose: fallback cannot be forbidden.
      return { executionProviders: ["cuda"] };
    case "webgpu":
      return { executionProviders: ["webgpu"], extra: { session: { disable_cpu_ep_fallback: "1" } } };
    default:
      return device satisfies never;
  }
}
