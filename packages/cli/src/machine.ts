/** The machine and the versions of the software, which measured numbers depend on. */
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { version } from "./version.js";

/** The machine that a command runs on. */
export interface Machine {
  /** Operating system and architecture. */
  readonly platform: string;
  /** Name of the processor. */
  readonly processor: string;
  /** Number of cores that the process may use. */
  readonly cores: number;
  /** Memory, GiB. */
  readonly memoryGigabytes: number;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  return {
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGigabytes: Number((totalmem() / 2 ** 30).toFixed(1)),
  };
}

/** The versions of this program, Node.js, onnxruntime-node and TensorFlow.js, by name. */
export function softwareVersions(): Readonly<Record<string, string>> {
  return {
    "air-onnx": version(),
    node: process.versions.node,
    "onnxruntime-node": versionOf("onnxruntime-node", "@air-onnx/runtime-node"),
    tfjs: versionOf("@tensorflow/tfjs", "@air-onnx/train"),
  };
}

/** The version of `dependency` that the package `user` loads. */
function versionOf(dependency: string, user: string): string {
  const entry = import.meta.resolve(user);
  const manifest = createRequire(entry)(`${dependency}/package.json`) as { readonly version: string };
  return manifest.version;
}
