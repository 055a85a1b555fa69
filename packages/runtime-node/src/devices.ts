/**
 * The devices that onnxruntime-node can run a graph on, and whether they are available. A provider may be part of the
 * installation and still lack its driver, so a device counts as available only after it has run a graph.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { type DeviceStatus as CoreDeviceStatus, probeModel } from "@air-onnx/core";
import { type Device, devices } from "./device-names.js";
import { DeviceUnavailableError } from "./errors.js";
import { InferenceSession, listSupportedBackends, Tensor } from "./onnxruntime.js";

export { type Device, devices };

/** Availability of a device: whether it has just run a graph and, if not, the reason, mostly in onnxruntime's words. */
export interface DeviceStatus extends CoreDeviceStatus<Device> {
  /** What onnxruntime and the drivers printed meanwhile, without colours and times; absent if nothing. */
  readonly printed?: string;
}

/** @throws {DeviceUnavailableError} if `device` cannot run a graph in this process */
export async function requireDevice(device: Device): Promise<void> {
  const reason = await whyUnavailable(device);
  if (reason !== undefined) throw new DeviceUnavailableError(device, reason, installedDevices());
}

/** The devices that this installation of onnxruntime-node has providers for. */
export function installedDevices(): readonly Device[] {
  return devices.filter((device) => missingProvider(device) === undefined);
}

/**
 * Why `device` cannot run a graph, `undefined` if it can. It is tried in this process: a driver that crashes ends it.
 * `probeDevice` tries it in another.
 */
export async function whyUnavailable(device: Device): Promise<string | undefined> {
  const missing = missingProvider(device);
  if (missing !== undefined) return missing;
  try {
    // Otherwise a provider may silently leave the node to the CPU.
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

/** Message of an error of onnxruntime, without the source location and the failed condition before it. */
function inWords(error: unknown): string {
  const text = error instanceof Error ? error.message.trim() : String(error);
  return text.replace(/^\S*\/onnxruntime_src\/.* was false\. /s, "");
}

/** Level of onnxruntime's log: errors, without warnings. */
const ERRORS = 3;

/**
 * Opens a graph on exactly one provider, so that it runs there or fails. On a GPU onnxruntime would warn of each graph that
 * some nodes are left to the CPU, although shapes always are; `placeNodes` says which.
 */
export function createSession(
  graph: Uint8Array,
  device: Device,
  options: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  const quiet: InferenceSession.SessionOptions = device === "cpu" ? {} : { logSeverityLevel: ERRORS };
  return InferenceSession.create(graph, { ...quiet, ...options, executionProviders: [device] });
}

/**
 * Files of the CUDA provider. npm does not have them: onnxruntime-node's install script downloads them and puts them beside
 * its binding.
 */
const cudaLibraries = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"] as const;
/** File that exists while NVIDIA's kernel driver is loaded. */
const NVIDIA_DRIVER = "/proc/driver/nvidia/version";

/** Reason why this installation has no provider for `device`; `undefined` if it has one. */
export function missingProvider(device: Device): string | undefined {
  const platform = `${process.platform}-${process.arch}`;
  if (!listSupportedBackends().some(({ name }) => name === device)) {
    return `onnxruntime-node has no ${device} provider for ${platform}`;
  }
  // onnxruntime lists CUDA on every platform that could have it, whether or not it is installed. Creating a session
  // without the library would print an error besides throwing one, so look for the file first.
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

/** Folders of the native binding in the installed onnxruntime-node, such as `bin/napi-v6/linux/x64`. */
function providerFolders(): string[] {
  const bin = join(packageFolder(), "bin");
  return readdirSync(bin).map((version) => join(bin, version, process.platform, process.arch));
}

function packageFolder(): string {
  return join(createRequire(import.meta.url).resolve("onnxruntime-node"), "..", "..");
}
