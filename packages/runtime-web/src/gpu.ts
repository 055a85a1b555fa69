/** A GPU by WebGPU: asking the browser for one, and noticing when it goes away. */
import { DeviceLostError, DeviceUnavailableError } from "./errors.js";

/**
 * A GPU of the model's own, so that its loss is seen and closing the model frees all of it.
 *
 * @throws {DeviceUnavailableError} with the reason
 */
export async function requestGpu(powerPreference: GPUPowerPreference | undefined): Promise<GPUDevice> {
  const adapter = await requestAdapter(powerPreference);
  const { limits } = adapter;
  try {
    return await adapter.requestDevice({
      // onnxruntime uses these where they are there.
      requiredFeatures: (["shader-f16", "subgroups"] as GPUFeatureName[]).filter((name) => adapter.features.has(name)),
      // The defaults are the least that any GPU has; a large batch needs more.
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

/** @throws {DeviceUnavailableError} with the reason */
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
 * Whether an adapter is a program on the CPU that passes for a GPU, as SwiftShader is: it computes the same, many times
 * slower than WebAssembly.
 */
export function isSoftware(adapter: GPUAdapter): boolean {
  // Browsers of before 2025 had it on the adapter itself.
  const { info, isFallbackAdapter }: { info?: Partial<GPUAdapterInfo>; isFallbackAdapter?: boolean } = adapter;
  return info?.isFallbackAdapter ?? isFallbackAdapter ?? false;
}

/** A GPU and whether it is still there. */
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
    // Nobody may be waiting when it happens; whoever calls next is told.
    this.lost.catch(() => {});
  }

  /** What `work` gives, or a DeviceLostError if the GPU is lost before. */
  async guard<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await Promise.race([this.lost, work]);
    } catch (error) {
      // The loss shows first as an error of whatever was at work, and is reported a little later.
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
