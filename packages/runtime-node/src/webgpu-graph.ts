/**
 * A model's graphs on onnxruntime-node's WebGPU. Outputs stay on the GPU: they are fed to the next run without a copy
 * through the CPU, and those that are read together come in one transfer.
 *
 * onnxruntime-node can neither read such an output (`getData` aborts the process, 1.30) nor make one from an array. So a
 * graph of one node does both: it joins tensors of the GPU into an array, or leaves the copy of an array on the GPU.
 */
import {
  CONCAT_OUTPUT,
  concatInput,
  concatModel,
  type GraphName,
  GraphOutputError,
  graphNames,
  type ModelSessions,
  type OpenGraph,
} from "@air-onnx/core";
import { createSession } from "./devices.js";
import { type InferenceSession, Tensor } from "./onnxruntime.js";

type Run = Pick<InferenceSession, "run" | "release">;

/** Options of sessions whose outputs stay on the GPU. */
export const ON_GPU = { preferredOutputLocation: "gpu-buffer" } as const satisfies InferenceSession.SessionOptions;

/**
 * Makes graphs that keep their outputs on the GPU.
 *
 * @param sessions of a model's graphs, opened on `webgpu` with {@link ON_GPU}; the graphs own them
 */
export function webgpuGraphs(sessions: Readonly<Record<GraphName, Run>>): ModelSessions {
  const transfers = new Transfers();
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

/** A read of a tensor that has not begun. */
interface Read {
  readonly tensor: Tensor;
  resolve(data: Float32Array): void;
  reject(cause: unknown): void;
}

/** Moves tensors between the CPU and the GPU. */
class Transfers {
  /** Reads that were asked for since the last transfer. */
  #reads: Read[] = [];
  /** Sessions that join so many tensors of the GPU into one of the CPU, by that number. */
  readonly #readers = new Map<number, Promise<InferenceSession>>();
  #uploader: Promise<InferenceSession> | undefined;

  /** Makes a handle of a tensor of the GPU whose `getData` works. Disposing of the handle frees the tensor. */
  readable(tensor: Tensor): Tensor {
    return Tensor.fromGpuBuffer(tensor.gpuBuffer, {
      dataType: "float32",
      dims: tensor.dims,
      download: () => this.#read(tensor),
      dispose: () => tensor.dispose(),
    });
  }

  /** Copies a tensor of the CPU to the GPU. */
  async upload(tensor: Tensor): Promise<Tensor> {
    this.#uploader ??= createSession(concatModel(1), "webgpu", ON_GPU);
    const flat = new Tensor("float32", tensor.data as Float32Array, [tensor.size]);
    const { [CONCAT_OUTPUT]: copy } = await (await this.#uploader).run({ [concatInput(0)]: flat });
    return Tensor.fromGpuBuffer(copy!.gpuBuffer, {
      dataType: "float32",
      dims: tensor.dims,
      dispose: () => copy!.dispose(),
    });
  }

  async release(): Promise<void> {
    const sessions = await Promise.all([...this.#readers.values(), ...(this.#uploader ? [this.#uploader] : [])]);
    await Promise.all(sessions.map((session) => session.release()));
  }

  #read(tensor: Tensor): Promise<Float32Array> {
    // All reads that are asked for in the same turn go together.
    if (this.#reads.length === 0) queueMicrotask(() => void this.#transfer(this.#reads.splice(0)));
    return new Promise((resolve, reject) => {
      this.#reads.push({ tensor, resolve, reject });
    });
  }

  async #transfer(reads: readonly Read[]): Promise<void> {
    try {
      let reader = this.#readers.get(reads.length);
      if (reader === undefined) {
        reader = createSession(concatModel(reads.length), "webgpu");
        this.#readers.set(reads.length, reader);
      }
      const feeds = reads.map(({ tensor }, i): [string, Tensor] => [
        concatInput(i),
        Tensor.fromGpuBuffer(tensor.gpuBuffer, { dataType: "float32", dims: [tensor.size] }),
      ]);
      const { [CONCAT_OUTPUT]: joined } = await (await reader).run(Object.fromEntries(feeds));
      const data = joined!.data as Float32Array;
      let at = 0;
      for (const { tensor, resolve } of reads) {
        resolve(data.subarray(at, at + tensor.size));
        at += tensor.size;
      }
    } catch (cause) {
      for (const { reject } of reads) reject(cause);
    }
  }
}
