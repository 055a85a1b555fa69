/**
 * Moves tensors between the CPU and onnxruntime-node's WebGPU. onnxruntime-node can neither read an output that stays on
 * the GPU (`getData` aborts the process, 1.30) nor copy an array there. So a graph of one node does both: it joins tensors
 * of the GPU into an array, or leaves the copy of an array on the GPU.
 */
import { CONCAT_OUTPUT, concatInput, concatModel } from "@air-onnx/core";
import { createSession } from "./devices.js";
import { type InferenceSession, Tensor } from "./onnxruntime.js";

/** Option of sessions whose outputs stay on the GPU. */
export const outputsOnGpu = {
  preferredOutputLocation: "gpu-buffer",
} as const satisfies InferenceSession.SessionOptions;

/** A read of a tensor that has not begun. */
interface Read {
  readonly tensor: Tensor;
  resolve(data: Float32Array): void;
  reject(cause: unknown): void;
}

/** Moves tensors between the CPU and the GPU; {@link release} frees its sessions. */
export class WebgpuTransfers {
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
    this.#uploader ??= createSession(concatModel(1), "webgpu", outputsOnGpu);
    const flat = new Tensor("float32", tensor.data as Float32Array, [tensor.size]);
    const { [CONCAT_OUTPUT]: copy } = await (await this.#uploader).run({ [concatInput(0)]: flat });
    return Tensor.fromGpuBuffer(copy!.gpuBuffer, {
      dataType: "float32",
      dims: tensor.dims,
      dispose: () => copy!.dispose(),
    });
  }

  /** Frees the sessions that move tensors; no tensor may be moved afterwards. */
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
