/** What the environment says of where data are. No other file reads it. */
import { homedir } from "node:os";
import { join } from "node:path";
import { placeVariables } from "../registry.js";

/** The folder of the MNIST files that AIR_ONNX_MNIST_DIR names; undefined if it is not set, or empty. */
export function environmentMnistDir(): string | undefined {
  return process.env[placeVariables.mnistDir] || undefined;
}

/** AIR_ONNX_CACHE, else `air-onnx` in XDG_CACHE_HOME, else in `~/.cache`. */
export function defaultCacheDir(): string {
  const { XDG_CACHE_HOME } = process.env;
  return process.env[placeVariables.cacheDir] || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "air-onnx");
}
