/** Tells run folders from folders of exported models. Both have a `config.json`; that of a model names its format. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "@air-onnx/core/json";
import { FileError } from "@air-onnx/scenes";

/** Most bytes of a `config.json` that is read here. Either kind has a few thousand; opening the folder refuses larger ones. */
const MOST_BYTES = 2 ** 20;

/**
 * Tells whether `folder` is an exported model.
 *
 * @throws {FileError} if `config.json` is a folder, a pipe or a device
 */
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
    // Opening the folder as a run reports what is wrong with the file.
    return false;
  }
}
