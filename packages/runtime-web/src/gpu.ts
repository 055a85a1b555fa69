/** A GPU by WebGPU: asking the browser for one, and noticing when it goes away. */
import { DeviceLostError, DeviceUnavailableError } from "./errors.js";

/**
 * Requests a GPU device for one model alone, so that its loss is noticed and closing the model frees all its memory.
 *
 * @throws {DeviceUnavailableError} with the reason
 */
export async function requestGpu(powerPreference: GPUPowerPreference | undefined): Promise<GPUDevice> {
  const adapter = await requestAdapter(powerPreference);
  const { limits } = adapter;
  try {
    return await adapter.requestDevice({
      // onnxruntime uses these features where they exist.
      requiredFeatures: (["shader-f16", "subgroups"] as GPUFeatureName[]).filter((name) => adapter.features.has(name)),
      // The default limits are those that every GPU has; a large batch needs more.
      requiredLimits: {
        maxBufferSize: limits.maxBufferSize,
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
        maxComputeWorkgroupSizeY: limits.maxComputeWorkgroupSizeY,
        maxComputeWorkgroupSizeZ: limits.maxComputeWorkgroupSizeZ,
        maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
      },
    });
  } catch (cause) {
    throw new DeviceUnavailableError("webgpu", `the GPU gave no device: ${String(cause)}`, { cause });
  }
}

/**
 * Requests a GPU adapter.
 *
 * @throws {DeviceUnavailableError} with the reason
 */
export async function requestAdapter(powerPreference: GPUPowerPreference | undefined): Promise<GPUAdapter> {
  if (globalThis.isSecureContext === false) {
    throw new DeviceUnavailableError("webgpu", "this page is not a secure context (https or localhost)");
  }
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (!gpu) throw new DeviceUnavailableError("webgpu", "this browser has no WebGPU here (no navigator.gpu)");
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter(powerPreference && { powerPreference });
  } catch (cause) {
    throw new DeviceUnavailableError("webgpu", `the browser refused WebGPU: ${String(cause)}`, { cause });
  }
  if (!adapter) {
    throw new DeviceUnavailableError(
      "webgpu",
      "the browser has WebGPU but no adapter: no GPU that it trusts, or it is switched off",
    );
  }
  return adapter;
}

/**
 * Whether an adapter is a GPU emulated in software on the CPU, such as SwiftShader. It gives the same results, many times
 * slower than WebAssembly.
 */
export function isSoftware(adapter: GPUAdapter): boolean {
  // Browsers from before 2025 have this property on the adapter itself.
  const { info, isFallbackAdapter }: { info?: Partial<GPUAdapterInfo>; isFallbackAdapter?: boolean } = adapter;
  return info?.isFallbackAdapter ?? isFallbackAdapter ?? false;
}

/** A GPU device, and whether it has been lost. */
export class Gpu {
  readonly device: GPUDevice;
  /** Rejects with a {@link DeviceLostError} once the GPU is lost, and never otherwise. */
  readonly lost: Promise<never>;
  #closing = false;

  constructor(device: GPUDevice) {
    this.device = device;
    this.lost = device.lost.then(({ reason, message }) => {
      if (this.#closing) return new Promise<never>(() => {});
      throw new DeviceLostError(message || reason);
    });
    // Nobody may be waiting for this promise when the GPU is lost; the next call reports the loss.
    this.lost.catch(() => {});
  }

  /** Returns the result of `work`, or rejects with a {@link DeviceLostError} if the GPU is lost before. */
  async guard<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await Promise.race([this.lost, work]);
    } catch (error) {
      // A loss first makes the running work fail and is reported a little later.
      const moment = new Promise<void>((resolve) => setTimeout(resolve, 50));
      await Promise.race([this.lost, moment]);
      throw error;
    }
  }

  close(): void {
    this.#closing = true;
    this.device.destroy();
  }
}
