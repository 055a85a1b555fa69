/**
 * A graph on WebGPU: what one run leaves on the GPU can be fed to the next without a way through the CPU, and a GPU
 * that goes away ends every run with an error, not never.
 */
import type { GraphSession } from "@air-onnx/core";
import type { InferenceSession, Tensor } from "onnxruntime-web";
import { DeviceLostError } from "./errors.js";
import type { Gpu } from "./gpu.js";
import { type Ort, oneAtATime } from "./onnxruntime.js";

/** WebGPU's rule for the sizes of buffers, and onnxruntime's: it binds them in vectors of four floats. */
const BUFFER_ALIGNMENT = 16;
/** `GPUBufferUsage` of WebGPU's specification, which TypeScript's library lacks: COPY_SRC | COPY_DST | STORAGE. */
const TENSOR_USAGE = 0x04 | 0x08 | 0x80;

export class GpuGraph implements GraphSession {
  readonly #session: InferenceSession;
  readonly #ort: Ort;
  readonly #gpu: Gpu;

  constructor(session: InferenceSession, ort: Ort, gpu: Gpu) {
    this.#session = session;
    this.#ort = ort;
    this.#gpu = gpu;
  }

  run(feeds: InferenceSession.FeedsType, outputs: readonly string[]): Promise<InferenceSession.ReturnType> {
    return this.#gpu.guard(oneAtATime(this.#ort, () => this.#session.run(feeds, outputs)));
  }

  resident(tensor: Tensor): Tensor {
    const { device } = this.#gpu;
    const data = tensor.data as Float32Array<ArrayBuffer>;
    const buffer = device.createBuffer({
      size: Math.ceil(data.byteLength / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT,
      usage: TENSOR_USAGE,
    });
    device.queue.writeBuffer(buffer, 0, data);
    return this.#ort.Tensor.fromGpuBuffer(buffer, {
      dataType: "float32",
      dims: tensor.dims,
      dispose: () => buffer.destroy(),
    });
  }

  async release(): Promise<void> {
    // Of a lost GPU there is nothing to give back, and onnxruntime may trip over it.
    const released = oneAtATime(this.#ort, () => this.#session.release());
    await this.#gpu.guard(released).catch((error: unknown) => {
      if (!(error instanceof DeviceLostError)) throw error;
    });
  }
}
