/** The environment variables that name the folders of the data. No other file of this package reads the environment. */
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder of the MNIST files, from AIR_ONNX_MNIST_DIR; undefined if it is not set, or empty. */
export function environmentMnistDir(): string | undefined {
  return process.env.AIR_ONNX_MNIST_DIR || undefined;
}

/** The default cache folder: AIR_ONNX_CACHE, else `air-onnx` in XDG_CACHE_HOME, else `~/.cache/air-onnx`. */
export function defaultCacheDir(): string {
  const { AIR_ONNX_CACHE, XDG_CACHE_HOME } = process.env;
  return AIR_ONNX_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "air-onnx");
}
