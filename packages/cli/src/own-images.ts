/** The user's own images by their path alone: what is there decides which data set reads them. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { DatasetName } from "@air-onnx/scenes/names";
import type { Setting } from "@air-onnx/train/runs";
import { datasetChoices } from "./choices.js";
import { UsageError } from "./failures.js";

/** What stands where a path of images is expected, in words. */
export const PATH_IN_WORDS = "a folder of PNG, JPEG, WebP or TIFF images, or an NPZ file";

/** Files that hold images and are not read, with what to do. */
const otherFiles: Readonly<Record<string, string>> = {
  ".npy": 'save it as an NPZ file: numpy.savez("images.npz", x=numpy.load("FILE.npy"))',
  ".zip": "unpack it, and give the folder",
  ".tgz": "unpack it, and give the folder",
  ".gz": "unpack it, and give the folder",
  ".tar": "unpack it, and give the folder",
};

/**
 * The data set that reads the images at `path`: `npz` for an NPZ file, `png-folder` for a folder.
 *
 * @throws {UsageError} if nothing is there, or something else: an image, a run, a model
 */
export function datasetAt(path: string): Extract<DatasetName, "npz" | "png-folder"> {
  const fail = (reason: string): never => {
    throw new UsageError(`Cannot train on ${path}: ${reason}`);
  };
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) {
    const isName = datasetChoices.some((name) => name === path);
    return fail(
      isName
        ? `nothing is there. To train on the data set of that name: --dataset ${path}`
        : `nothing is there. Give ${PATH_IN_WORDS}`,
    );
  }
  if (!found.isDirectory()) {
    const extension = extname(path).toLowerCase();
    if (extension === ".npz") return "npz";
    return fail(otherFiles[extension] ?? `it is a file. Give ${PATH_IN_WORDS}`);
  }
  if (existsSync(join(path, "checkpoints")) && existsSync(join(path, "config.json"))) {
    return fail(`it is a run folder. To go on with the run: --resume ${path}`);
  }
  if (existsSync(join(path, "onnx")) && existsSync(join(path, "config.json"))) {
    return fail("it is a model folder. Models are trained by runs, and exported from them");
  }
  const archives = readdirSync(path).filter((name) => extname(name).toLowerCase() === ".npz");
  const pictures = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"];
  const hasPictures = readdirSync(path).some((name) => pictures.includes(extname(name).toLowerCase()));
  if (archives.length > 0 && !hasPictures)
    fail(`it has no images, but NPZ files: give one, such as ${join(path, archives[0]!)}`);
  return "png-folder";
}

/**
 * Adds the data set that a path of images implies.
 *
 * @param settings the settings of the configuration file and the flags
 * @param images the path that stands without a flag; undefined if there is none
 * @throws {UsageError} for two paths, for a path with a data set that is drawn, and as {@link datasetAt}
 */
export function withImagesAt(settings: readonly Setting[], images: string | undefined): Setting[] {
  const given = (key: string): unknown => settings.findLast((setting) => setting.key === key)?.value;
  const path = given("path");
  const dataset = given("dataset");
  if (images !== undefined && path !== undefined && path !== images) {
    throw new UsageError(`Two paths of images, ${images} and --data ${String(path)}: give one`);
  }
  if (images !== undefined && dataset !== undefined && dataset !== "npz" && dataset !== "png-folder") {
    throw new UsageError(`Data set ${String(dataset)} is drawn: leave out --dataset to train on ${images}`);
  }
  const all =
    images !== undefined && path === undefined ? [...settings, { key: "path", value: images }] : [...settings];
  const place = images ?? path;
  if (dataset === undefined && typeof place === "string") all.unshift({ key: "dataset", value: datasetAt(place) });
  if ((dataset === "npz" || dataset === "png-folder") && place === undefined) {
    const what = dataset === "npz" ? "an NPZ file" : "a folder of PNG, JPEG, WebP or TIFF images";
    const name = dataset === "npz" ? "FILE.npz" : "FOLDER";
    throw new UsageError(
      `Data set ${dataset} is ${what} of yours: say where it is, by air-onnx train ${name} or --data ${name}`,
    );
  }
  return all;
}
