/** Says what a path is that was given in place of a model's folder, and which command helps. */
import { existsSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { hasPictureName } from "@air-onnx/scenes";

/** Files that a picture folder, a run or a model are told by. */
const CONFIG = "config.json";

/**
 * The text of an error about a path that is no model's folder; undefined if it may be one, or is nothing that is known.
 *
 * @param path path that was given in place of a model's folder
 */
export function notAModel(path: string): string | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) {
    // What looks like an address or a name elsewhere is not judged here.
    return /^[a-z]+:/i.test(path)
      ? undefined
      : `There is no model folder ${path}. A run becomes one by: air-onnx export RUN --out ${path}`;
  }
  if (status.isDirectory()) return folderAdvice(path);
  const extension = extname(path).toLowerCase();
  if (extension === ".onnx") {
    const folder = [dirname(path), dirname(dirname(path))].find((each) => existsSync(join(each, CONFIG)));
    const advice =
      folder === undefined
        ? "A model is the folder that holds config.json and its graphs, as air-onnx export writes it."
        : `Give the folder instead: ${folder}`;
    return `${path} is one ONNX graph, not a model's folder. ${advice}`;
  }
  if (extension === ".safetensors") {
    return `${path} is the checkpoint of a run, not a model's folder. The run becomes one by: air-onnx export ${dirname(dirname(path))}`;
  }
  if (path.endsWith(CONFIG)) return `${path} is a file of a model or a run. Give its folder instead: ${dirname(path)}`;
  if (hasPictureName(path)) return `${path} is an image. The model's folder comes first: air-onnx infer MODEL ${path}`;
  return `${path} is a file, not a model's folder.`;
}

function folderAdvice(path: string): string | undefined {
  if (existsSync(join(path, "checkpoints"))) {
    return `${path} is the folder of a run, not of a model. Make a model of it first: air-onnx export ${path}`;
  }
  if (existsSync(join(path, "sweep.json"))) {
    return `${path} is the folder of a sweep, not of a model. Make a model of one of its runs first: air-onnx export ${join(path, "seed-0")}`;
  }
  if (existsSync(join(path, CONFIG))) return undefined;
  return `${path} is not the folder of a model: it has no ${CONFIG}. A run becomes a model by: air-onnx export RUN`;
}
