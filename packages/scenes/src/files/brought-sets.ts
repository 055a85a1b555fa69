/** The data sets that read the user's own files. Their readers are loaded when they are used. */
import type { Reporting } from "../reporting.js";
import type { SceneSet } from "../scene-set.js";
import type { FolderFit } from "./fit-images.js";
import type { NpzKeys } from "./npz.js";

/** The options of the readers of all sets. */
export type BroughtOptions = NpzKeys & FolderFit;

/** The definition of a data set that reads the user's own files. */
export interface BroughtSet<Name extends string = string> {
  /** Name by which users ask for the set. */
  readonly name: Name;
  /** Description of the images in one line. */
  readonly description: string;
  /** Kind of the path, for error messages. */
  readonly place: "a file" | "a folder";
  /** Options of its reader. */
  readonly options: readonly (keyof BroughtOptions)[];
  /** Reads the images at `path`. */
  read(path: string, options: BroughtOptions & Reporting): Promise<SceneSet>;
}

function broughtSet<const Name extends string>(set: BroughtSet<Name>): BroughtSet<Name> {
  return set;
}

/** The definition of the data set `npz`. */
export const npzSet = broughtSet({
  name: "npz",
  description: "your own images in a NumPy file (NPZ)",
  place: "a file",
  options: ["imagesKey", "countsKey"],
  read: async (path, options) => (await import("./npz.js")).readNpz(path, options),
});

/** The definition of the data set `png-folder`. */
export const pngFolderSet = broughtSet({
  name: "png-folder",
  description: "your own images in a folder of PNG, JPEG, WebP or TIFF files",
  place: "a folder",
  options: ["fit", "fitSize", "fitScale"],
  read: async (path, options) => (await import("./image-folder.js")).readImageFolder(path, options),
});
