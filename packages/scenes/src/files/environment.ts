/** What the environment says of where data are. No other file reads it. */
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder of the MNIST files that AIR_ONNX_MNIST_DIR names; undefined if it is not set, or empty. */
export function environmentMnistDir(): string | undefined {
  return process.env.AIR_ONNX_MNIST_DIR || undefined;
}

/** AIR_ONNX_CACHE, else `air-onnx` in XDG_CACHE_HOME, else in `~/.cache`. */
export function defaultCacheDir(): string {
  const { AIR_ONNX_CACHE, XDG_CACHE_HOME } = process.env;
  return AIR_ONNX_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "air-onnx");
}
