/** What numbers depend on beside the command that made them: the versions of the software, and the machine. */
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { version } from "./version.js";

export interface Machine {
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
}

export function describeMachine(): Machine {
  return {
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGigabytes: Number((totalmem() / 2 ** 30).toFixed(1)),
  };
}

export function softwareVersions(): Readonly<Record<string, string>> {
  return {
    "air-onnx": version(),
    node: process.versions.node,
    "onnxruntime-node": versionOf("onnxruntime-node", "@air-onnx/runtime-node"),
    tfjs: versionOf("@tensorflow/tfjs", "@air-onnx/train"),
  };
}

/** The version of `dependency` that the package `user` gets. */
function versionOf(dependency: string, user: string): string {
  const entry = import.meta.resolve(user);
  const manifest = createRequire(entry)(`${dependency}/package.json`) as { readonly version: string };
  return manifest.version;
}
