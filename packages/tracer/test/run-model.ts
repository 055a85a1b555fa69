/** Runs a serialised model once in onnxruntime, on one thread. */
import * as ort from "onnxruntime-node";

export async function runModel(
  model: Uint8Array,
  feeds: Record<string, ort.Tensor>,
  options: ort.InferenceSession.SessionOptions = {},
): Promise<Record<string, ort.Tensor>> {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, ...options });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

export const float = (dims: readonly number[], data: readonly number[]): ort.Tensor =>
  new ort.Tensor("float32", Float32Array.from(data), dims);
