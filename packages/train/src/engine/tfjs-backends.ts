/**
 * The tfjs backends that can run a training step, and how each is loaded. Two come with this package. The others are
 * optional peer packages, which a user installs: they download or build hundreds of megabytes.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { BackendUnavailableError } from "../errors.js";
import { addWasmKernels } from "./wasm-kernels.js";

/** Names of the tfjs backends that can run a training step. */
export const eagerBackends = ["tensorflow", "tensorflow-gpu", "webgpu", "wasm", "cpu"] as const;
/** Name of a tfjs backend that can run a training step. */
export type EagerBackend = (typeof eagerBackends)[number];

/** Name of each backend inside tfjs. Both native packages register theirs as `tensorflow`. */
const tfjsName = {
  tensorflow: "tensorflow",
  "tensorflow-gpu": "tensorflow",
  webgpu: "webgpu",
  wasm: "wasm",
  cpu: "cpu",
} as const satisfies Record<EagerBackend, string>;

/** Optional peer packages that each backend needs. Those under @tensorflow must have the version of tfjs. */
export const peersOf: { readonly [B in EagerBackend]: readonly string[] } = {
  tensorflow: ["@tensorflow/tfjs-node"],
  "tensorflow-gpu": ["@tensorflow/tfjs-node-gpu"],
  webgpu: ["webgpu", "@tensorflow/tfjs-backend-webgpu"],
  wasm: [],
  cpu: [],
};

const loading = new Map<EagerBackend, Promise<void>>();

/**
 * Makes a backend the current one of tfjs. Loads it at the first call.
 *
 * @throws {BackendUnavailableError} if it cannot run on this machine; the error says what is missing and how to get it
 */
export async function useEagerBackend(backend: EagerBackend): Promise<void> {
  let loaded = loading.get(backend);
  if (!loaded) {
    loaded = load(backend);
    loading.set(backend, loaded);
  }
  await loaded;
  if (!(await tf.setBackend(tfjsName[backend]))) {
    throw new BackendUnavailableError(backend, "TensorFlow.js could not initialise it");
  }
}

async function load(backend: EagerBackend): Promise<void> {
  // Production mode suppresses tfjs's advice to install its native backend: users choose backends by name.
  tf.enableProdMode();
  switch (backend) {
    case "cpu":
      return;
    case "wasm":
      return loadWasm();
    case "webgpu":
      return loadWebGpu();
    case "tensorflow":
    case "tensorflow-gpu":
      return loadTensorFlow(backend);
    default:
      return backend satisfies never;
  }
}

async function loadWasm(): Promise<void> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm")) + sep);
  addWasmKernels();
}

/** The parts of the package `webgpu` that are used here. Its own types need the types of browsers. */
interface WebGpuPackage {
  create(flags: readonly string[]): WebGpu;
  readonly globals: object;
}

interface WebGpu {
  requestAdapter(): Promise<object | null>;
}

async function loadWebGpu(): Promise<void> {
  const { create, globals } = (await importPeer("webgpu", "webgpu")) as WebGpuPackage;
  const gpu = create([]);
  if ((await gpu.requestAdapter()) === null) {
    throw new BackendUnavailableError(
      "webgpu",
      "there is no WebGPU adapter: it needs a GPU with a Vulkan, Metal or Direct3D 12 driver (on Linux also libvulkan.so.1)",
      { kind: "hardware" },
    );
  }
  // The tfjs backend expects the globals of browsers. Node 21 and later has a global navigator, but without `gpu`.
  Object.assign(globalThis, globals);
  const { navigator = {} } = globalThis as { navigator?: object };
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true, writable: true });
  await importPeer("webgpu", "@tensorflow/tfjs-backend-webgpu");
  refuseSecondCopy("webgpu");
  // By default tfjs computes with small tensors on the CPU, silently.
  tf.env().set("WEBGPU_CPU_FORWARD", false);
}

/** The parts of tfjs-node's backend that are used here. */
interface TensorFlowBackend {
  readonly isUsingGpuDevice?: boolean;
}

async function loadTensorFlow(backend: "tensorflow" | "tensorflow-gpu"): Promise<void> {
  if (tf.findBackendFactory("tensorflow") != null) {
    throw new BackendUnavailableError(
      backend,
      "a process can load only one of tensorflow and tensorflow-gpu, and the other is loaded",
      { kind: "conflict" },
    );
  }
  restoreRemovedFunctions();
  // By default TensorFlow prints the processor's features to standard error.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "1";
  await importPeer(backend, peersOf[backend][0]!);
  refuseSecondCopy(backend);
  if (backend === "tensorflow") return;
  await tf.setBackend("tensorflow");
  if ((tf.backend() as TensorFlowBackend).isUsingGpuDevice !== true) {
    throw new BackendUnavailableError(
      backend,
      "TensorFlow finds no GPU: it needs an NVIDIA driver, and the CUDA and cuDNN that its libraries were built with",
      { kind: "hardware" },
    );
  }
}

/**
 * tfjs-node 4.22 calls functions of node:util that Node 23 removed (https://nodejs.org/api/deprecations.html#DEP0051).
 */
function restoreRemovedFunctions(): void {
  const util = createRequire(import.meta.url)("node:util") as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown): boolean => value == null;
  util.isArray ??= Array.isArray;
}

/**
 * Imports the optional peer package `name`.
 *
 * @throws {BackendUnavailableError} if it cannot be loaded; the error says how to install or build it where that helps
 */
async function importPeer(backend: EagerBackend, name: string): Promise<unknown> {
  try {
    return (await import(name)) as unknown;
  } catch (cause) {
    const folder = packageFolder(name);
    if (folder === undefined) {
      throw new BackendUnavailableError(backend, `${name} is not installed: ${installCommand(backend)}`, {
        kind: "missing",
        cause,
      });
    }
    if (name.startsWith("@tensorflow/tfjs-node") && !hasNativeAddon(folder)) {
      throw new BackendUnavailableError(
        backend,
        `${name} is installed without its native addon, which its install script downloads: ` +
          // npm does not say when it skips install scripts because they are switched off, as in this repository.
          `npm rebuild --ignore-scripts=false ${name}, or build it against another TensorFlow (docs/accelerators.md)`,
        { kind: "missing", cause },
      );
    }
    const [reason] = String(cause instanceof Error ? cause.message : cause).split("\n");
    throw new BackendUnavailableError(backend, `${name} cannot be loaded: ${reason}`, { cause });
  }
}

/** Where a package is installed; undefined if it is not. */
function packageFolder(name: string): string | undefined {
  const places = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return places.map((place) => join(place, name)).find((folder) => existsSync(folder));
}

/** Whether tfjs-node's install script has put its addon where it is loaded from, `lib/napi-v8` or the like. */
function hasNativeAddon(folder: string): boolean {
  const lib = join(folder, "lib");
  return existsSync(lib) && readdirSync(lib).some((abi) => existsSync(join(lib, abi, "tfjs_binding.node")));
}

/** The command that installs the peer packages of `backend`. */
function installCommand(backend: EagerBackend): string {
  const version = tf.version_core;
  return `npm install ${peersOf[backend].map((name) => (name.startsWith("@tensorflow/") ? `${name}@${version}` : name)).join(" ")}`;
}

/** Throws if the peer package has registered its backend with a tfjs of its own, where this package does not see it. */
function refuseSecondCopy(backend: EagerBackend): void {
  if (tf.findBackendFactory(tfjsName[backend]) != null) return;
  throw new BackendUnavailableError(
    backend,
    `its package uses another copy of TensorFlow.js than this one's ${tf.version_core}: npm ls @tensorflow/tfjs-core, then npm dedupe`,
    { kind: "conflict" },
  );
}
