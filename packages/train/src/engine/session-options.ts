/** Options of onnxruntime sessions for training. */
import type { Device } from "@air-onnx/runtime-node";
import type { InferenceSession } from "@air-onnx/runtime-node/onnxruntime";

/**
 * Options of a session that runs a training graph on `device`.
 *
 * @param threads threads of one operator on the CPU; 0 lets onnxruntime choose, one per physical core
 */
export function trainingSessionOptions(threads: number, device: Device = "cpu"): InferenceSession.SessionOptions {
  switch (device) {
    case "cpu":
      return {
        executionProviders: ["cpu"],
        intraOpNumThreads: threads,
        // Threads must not spin while they wait: measured on two cores, spinning saves nothing on an idle machine (28.2
        // ms a step either way) and nearly halves the speed beside another job (92 ms a step against 51).
        //
        // Denormal numbers, such as moments that decay to nothing, are slow on many processors: they are rounded to
        // zero. For the calling thread, the first session of the process sets this for good.
        extra: { session: { intra_op: { allow_spinning: "0" }, set_denormal_as_zero: "1" } },
      };
    case "cuda":
      // Nodes on the CPU cannot be forbidden: onnxruntime always computes shapes there, and the number of steps is one. It
      // would warn of them at every start.
      return { executionProviders: ["cuda"], logSeverityLevel: 3 };
    case "webgpu":
      return { executionProviders: ["webgpu"], extra: { session: { disable_cpu_ep_fallback: "1" } } };
    default:
      return device satisfies never;
  }
}
