/** The data sets that users bring as files. Their readers are loaded when they are used. */
import type { BroughtImages } from "../brought-images.js";
import type { Reporting } from "../reporting.js";

export interface BroughtSet<Name extends string = string> {
  readonly name: Name;
  /** One line. */
  readonly description: string;
  /** What its path is of. */
  readonly place: "a file" | "a folder";
  read(path: string, reporting: Reporting): Promise<BroughtImages>;
}

function broughtSet<const Name extends string>(set: BroughtSet<Name>): BroughtSet<Name> {
  return set;
}

export const npzSet = broughtSet({
  name: "npz",
  description: "your own images in a file of NumPy's",
  place: "a file",
  read: async (path) => (await import("./npz.js")).readNpz(path),
});

export const pngFolderSet = broughtSet({
  name: "png-folder",
  description: "your own images in a folder of PNG files",
  place: "a folder",
  read: async (path, reporting) => (await import("./png-folder.js")).readPngFolder(path, reporting),
});
