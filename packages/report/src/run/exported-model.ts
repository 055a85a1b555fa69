/** Whether a folder is a run's or an exported model's: both have a `config.json`, and that of a model says so. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "@air-onnx/core/json";
import { FileError } from "@air-onnx/scenes";

/** Either kind has a few thousand bytes. What is larger is refused by those who open it. */
const MOST_BYTES = 2 ** 20;

/** @throws {FileError} if `config.json` is a folder, pipe or device, which could not be read or for ever */
export function isExportedModel(folder: string): boolean {
  const file = join(folder, "config.json");
  const status = statSync(file, { throwIfNoEntry: false });
  if (!status) return false;
  if (!status.isFile())
    throw new FileError(`${file} is a folder, a pipe or a device, not a file`, file, { kind: "content" });
  if (status.size > MOST_BYTES) return false;
  try {
    const config = parseJson(readFileSync(file), file);
    return typeof config === "object" && config !== null && "format" in config && config.format === "air-onnx";
  } catch {
    // What is wrong with it is told by those who open it as a run.
    return false;
  }
}
