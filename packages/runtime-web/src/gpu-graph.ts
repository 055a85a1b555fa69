/**
 * A graph on WebGPU. The outputs of a run stay on the GPU and can be fed to the next run without a copy through the CPU.
 * When the GPU is lost, every run ends with an error instead of waiting for ever.
 */
import type { GraphSession } from "@air-onnx/core";
import type { InferenceSession, Tensor } from "onnxruntime-web";
import { DeviceLostError } from "./errors.js";
import type { Gpu } from "./gpu.js";
import { type Ort, oneAtATime } from "./onnxruntime.js";

/** Bytes to which buffer sizes are rounded up, because onnxruntime binds buffers as vectors of four floats. */
const BUFFER_ALIGNMENT = 16;
/** COPY_SRC | COPY_DST | STORAGE of the WebGPU specification's `GPUBufferUsage`, which TypeScript's library lacks. */
const TENSOR_USAGE = 0x04 | 0x08 | 0x80;

/** A session on WebGPU whose calls run one at a time and notice when the GPU is lost. */
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
    // A lost GPU has no memory to free, and onnxruntime may throw when it tries.
    const released = oneAtATime(this.#ort, () => this.#session.release());
    await this.#gpu.guard(released).catch((error: unknown) => {
      if (!(error instanceof DeviceLostError)) throw error;
    });
  }
}
