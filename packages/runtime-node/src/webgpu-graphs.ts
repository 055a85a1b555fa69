/**
 * A model's graphs on onnxruntime-node's WebGPU. Outputs stay on the GPU: they are fed to the next run without a copy
 * through the CPU, and those that are read together come in one transfer.
 */
import { type GraphName, GraphOutputError, graphNames, type ModelSessions, type OpenGraph } from "@air-onnx/core";
import type { InferenceSession, Tensor } from "./onnxruntime.js";
import { WebgpuTransfers } from "./webgpu-transfers.js";

type Run = Pick<InferenceSession, "run" | "release">;

/**
 * Makes graphs that keep their outputs on the GPU.
 *
 * @param sessions of a model's graphs, opened on `webgpu` with `outputsOnGpu`; the graphs own them
 */
export function webgpuGraphs(sessions: Readonly<Record<GraphName, Run>>): ModelSessions {
  const transfers = new WebgpuTransfers();
  let open = graphNames.length;
  const graphOf = (session: Run): OpenGraph => ({
    async run(feeds, outputs) {
      // All outputs, whichever are needed: when runs of one session differ in what they ask for, onnxruntime-node mistakes
      // outputs for others, and fails when the batch changes its size (1.30).
      const results = await session.run(feeds);
      const wrong = outputs.find((name) => results[name] !== undefined && results[name].type !== "float32");
      for (const [name, tensor] of Object.entries(results)) {
        if (wrong !== undefined || !outputs.includes(name)) tensor.dispose();
      }
      if (wrong === undefined) return Object.fromEntries(outputs.flatMap((name) => readable(name, results[name])));
      const output = `output "${wrong}"`;
      throw new GraphOutputError(`The ${output} of a graph is not float32`, { kind: "type", output });
    },
    resident: (tensor) => transfers.upload(tensor),
    async release() {
      await session.release();
      open -= 1;
      if (open === 0) await transfers.release();
    },
  });
  const readable = (name: string, tensor: Tensor | undefined): [string, Tensor][] =>
    tensor === undefined ? [] : [[name, transfers.readable(tensor)]];
  const { encoder, step, decoder } = sessions;
  return { encoder: graphOf(encoder), step: graphOf(step), decoder: graphOf(decoder) };
}
