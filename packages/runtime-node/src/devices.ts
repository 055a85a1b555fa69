/**
 * The devices that onnxruntime-node can run a graph on, and whether they are really there: a provider may be part of
 * the installation and still lack its driver, so the only proof is a session that ran.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { type DeviceStatus as CoreDeviceStatus, probeModel } from "@air-onnx/core";
import { type Device, devices } from "./device-names.js";
import { DeviceUnavailableError } from "./errors.js";
import { InferenceSession, listSupportedBackends, Tensor } from "./onnxruntime.js";

export { type Device, devices };

/** Whether a graph was run on the device just now, and why not, mostly in onnxruntime's words. */
export type DeviceStatus = CoreDeviceStatus<Device>;

/** Runs a one-node graph on each device. */
export async function listDevices(): Promise<DeviceStatus[]> {
  const statuses: DeviceStatus[] = [];
  for (const device of devices) {
    const reason = await whyUnavailable(device);
    statuses.push(reason === undefined ? { device, available: true } : { device, available: false, reason });
  }
  return statuses;
}

/** @throws {DeviceUnavailableError} if `device` cannot run a graph */
export async function requireDevice(device: Device): Promise<void> {
  const reason = await whyUnavailable(device);
  if (reason === undefined) return;
  const installed = devices.filter((other) => missingProvider(other) === undefined);
  throw new DeviceUnavailableError(device, reason, installed);
}

/** Why `device` cannot run a graph, `undefined` if it can. */
export async function whyUnavailable(device: Device): Promise<string | undefined> {
  const missing = missingProvider(device);
  if (missing !== undefined) return missing;
  try {
    // Otherwise a provider may leave the node to the CPU, and nobody would know.
    const extra = device === "cpu" ? {} : { session: { disable_cpu_ep_fallback: "1" } };
    const session = await createSession(probeModel, device, { extra });
    try {
      const { y } = await session.run({ x: new Tensor("float32", [-1], [1]) });
      const value = (y as Tensor | undefined)?.data[0];
      return value === 0 ? undefined : `it computed Relu(-1) = ${value}`;
    } finally {
      await session.release();
    }
  } catch (error) {
    return inWords(error);
  }
}

/** What onnxruntime says, without the place in its sources and the failed condition that it puts before that. */
function inWords(error: unknown): string {
  const text = error instanceof Error ? error.message.trim() : String(error);
  return text.replace(/^\S*\/onnxruntime_src\/.* was false\. /s, "");
}

/** Opens a graph on exactly one provider, so that it runs there or not at all. */
export function createSession(
  graph: Uint8Array,
  device: Device,
  options: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  return InferenceSession.create(graph, { ...options, executionProviders: [device] });
}

/** What onnxruntime-node's install script downloads for CUDA, of which npm has no copy, and puts beside its binding. */
const cudaLibraries = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"] as const;
/** There while the kernel's driver of NVIDIA's GPUs is loaded. */
const NVIDIA_DRIVER = "/proc/driver/nvidia/version";

/** Why this installation has no provider for `device`, `undefined` if it has one. */
function missingProvider(device: Device): string | undefined {
  const platform = `${process.platform}-${process.arch}`;
  if (!listSupportedBackends().some(({ name }) => name === device)) {
    return `onnxruntime-node has no ${device} provider for ${platform}`;
  }
  // onnxruntime lists CUDA wherever it could be added ("bundled" is a constant), and asking it for a provider whose
  // library is absent prints an error beside throwing one: so look for the file.
  if (device === "cuda" && !hasCudaLibraries()) {
    return whyNoCuda();
  }
  return undefined;
}

function hasCudaLibraries(): boolean {
  return providerFolders().some((folder) => cudaLibraries.every((name) => existsSync(join(folder, name))));
}

function whyNoCuda(): string {
  const driver = existsSync(NVIDIA_DRIVER) ? "" : `no NVIDIA driver is loaded (${NVIDIA_DRIVER} is missing), and `;
  const script = join(packageFolder(), "script", "install.js");
  return (
    `${driver}onnxruntime-node lacks its CUDA libraries, ${cudaLibraries.join(" and ")}. ` +
    `Fetch them by: node ${relative(process.cwd(), script)} --onnxruntime-node-install ` +
    "(it takes them from nuget.org; they need CUDA 13 and cuDNN 9, see docs/accelerators.md, also for CUDA 12)"
  );
}

/** `bin/napi-v6/linux/x64` and its like in the installed onnxruntime-node. */
function providerFolders(): string[] {
  const bin = join(packageFolder(), "bin");
  return readdirSync(bin).map((version) => join(bin, version, process.platform, process.arch));
}

function packageFolder(): string {
  return join(createRequire(import.meta.url).resolve("onnxruntime-node"), "..", "..");
}
