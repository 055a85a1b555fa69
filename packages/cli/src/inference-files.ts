/** What `air-onnx infer` writes while it infers: scenes as JSON, tables for spreadsheets, pictures, and at the end a total. */
import { basename, extname, join } from "node:path";
import type { Box, PictureScene } from "@air-onnx/core";
import { count } from "@air-onnx/measure/format";
import type { GrowingFile } from "@air-onnx/scenes";
import { csvHead, csvRow } from "./csv.js";
import type { Answer, Failure } from "./infer-pictures.js";
import { print } from "./output.js";

/** Where {@link InferenceFiles} writes; nothing where a place is undefined. */
export interface InferencePlaces {
  /** JSON file; with `printsJson` its content goes to standard output. */
  readonly json?: string | undefined;
  readonly printsJson: boolean;
  /** Table with a row for each image. */
  readonly csv?: string | undefined;
  /** Table with a row for each object. */
  readonly objectsCsv?: string | undefined;
  /** Folder of pictures with boxes. */
  readonly out?: string | undefined;
  /** Whether pictures have windows, too. */
  readonly windows: boolean;
  /** Whether the JSON has z_what. */
  readonly latents: boolean;
}

/** The columns of the table of images. */
export const imageColumns = [
  ...["file", "count", "classical_count", "mean_size", "width", "height", "tiles"],
  ...["typical", "unlike_tiles", "error"],
] as const;
/** The columns of the table of objects. */
export const objectColumns = ["file", "object", "xmin", "ymin", "xmax", "ymax", "score", "presence"] as const;

/** The files of one call. Rows and pictures are written as they come; tables take their place by {@link keep}. */
export class InferenceFiles {
  readonly #places: InferencePlaces;
  readonly #names: readonly string[];
  readonly #open = new Map<"json" | "csv" | "objectsCsv", GrowingFile>();
  /** The JSON of the last scene, which waits for the comma or the end behind it. */
  #item: string | undefined;
  #answered = 0;
  #failed = 0;
  #objects = 0;
  #classical = 0;
  #unlike = 0;

  private constructor(files: readonly string[], places: InferencePlaces) {
    this.#places = places;
    this.#names = uniqueNames(files);
  }

  /** @throws {FileError} if a file cannot be made */
  static async make(files: readonly string[], places: InferencePlaces): Promise<InferenceFiles> {
    const { GrowingFile, makeFolder } = await import("@air-onnx/scenes");
    const made = new InferenceFiles(files, places);
    try {
      for (const kind of ["json", "csv", "objectsCsv"] as const) {
        const path = places[kind];
        if (path !== undefined) made.#open.set(kind, await GrowingFile.make(path));
      }
      await made.#open.get("csv")?.add(csvHead(imageColumns, files));
      await made.#open.get("objectsCsv")?.add(csvHead(objectColumns, files));
      // The folder is made before the work, so that a folder that cannot be made does not waste it.
      if (places.out !== undefined) await makeFolder(places.out);
    } catch (cause) {
      await made.discard();
      throw cause;
    }
    return made;
  }

  /** Number of files that are done, and of those that failed. */
  get done(): { readonly answered: number; readonly failed: number } {
    return { answered: this.#answered, failed: this.#failed };
  }

  /** @throws {FileError} if something cannot be written */
  async add(result: Answer | Failure): Promise<void> {
    const at = this.#answered + this.#failed;
    if ("reason" in result) {
      this.#failed++;
      const values: Partial<Record<string, string>> = { file: result.file, error: result.reason };
      await this.#open.get("csv")?.add(csvRow(imageColumns.map((column) => values[column])));
      return;
    }
    await this.#addJson(result);
    await this.#addRows(result);
    if (this.#places.out !== undefined) await this.#draw(join(this.#places.out, this.#names[at]!), result);
    this.#answered++;
    this.#objects += result.scene.count;
    this.#classical += result.classicalCount;
    if (result.scene.typical === false) this.#unlike++;
  }

  /**
   * Puts the files in their places.
   *
   * @throws {FileError} if that is not possible
   */
  async keep(): Promise<void> {
    if (this.#item !== undefined) await this.#jsonLine(`${this.#item}\n]`);
    for (const [kind, file] of this.#open) {
      // Without an answer there is no scene; the table of images says why.
      if (kind === "csv" || this.#answered > 0) await file.keep();
      else await file.discard();
    }
  }

  /** Deletes the files that are not in their places. */
  async discard(): Promise<void> {
    for (const file of this.#open.values()) await file.discard();
  }

  /** The total in a line. */
  total(): string {
    const images = this.#answered;
    const mean = images > 0 ? `, ${(this.#objects / images).toFixed(1)} an image` : "";
    const notes = [
      `${count(this.#objects)} objects${mean} (classical count: ${count(this.#classical)})`,
      ...(this.#unlike > 0 ? [`${count(this.#unlike)} unlike the training data`] : []),
      ...(this.#failed > 0 ? [`${count(this.#failed)} ${this.#failed === 1 ? "file" : "files"} skipped`] : []),
    ];
    return `${count(images)} images: ${notes.join(", ")}`;
  }

  async #addJson({ file, scene, classicalCount }: Answer): Promise<void> {
    const { json, printsJson, latents } = this.#places;
    if (json === undefined && !printsJson) return;
    await this.#jsonLine(this.#item === undefined ? "[" : `${this.#item},`);
    this.#item = JSON.stringify(describe(file, scene, classicalCount, latents), null, 2).replaceAll(/^/gm, "  ");
  }

  async #jsonLine(text: string): Promise<void> {
    if (this.#places.printsJson) print(text);
    await this.#open.get("json")?.add(`${text}\n`);
  }

  async #addRows({ file, scene, classicalCount }: Answer): Promise<void> {
    const { count: found, width, height, tiles, typical, unlikeTiles, objects } = scene;
    const values: Record<(typeof imageColumns)[number], string | number | boolean | undefined> = {
      file,
      count: found,
      classical_count: classicalCount,
      mean_size: meanSize(objects.map(({ tightBox }) => tightBox)),
      width,
      height,
      tiles: tiles.length,
      typical,
      unlike_tiles: unlikeTiles,
      error: undefined,
    };
    await this.#open.get("csv")?.add(csvRow(imageColumns.map((column) => values[column])));
    const rows = objects.map(({ tightBox: { xmin, ymin, xmax, ymax }, score, presence }, i) =>
      csvRow([
        file,
        i + 1,
        ...[xmin, ymin, xmax, ymax].map((edge) => rounded(edge, 2)),
        rounded(score, 4),
        rounded(presence, 4),
      ]),
    );
    if (rows.length > 0) await this.#open.get("objectsCsv")?.add(rows.join(""));
  }

  async #draw(path: string, { picture, scene: { objects } }: Answer): Promise<void> {
    const { boxesOverPicture, writePicture } = await import("@air-onnx/scenes");
    const boxes = objects.map(({ tightBox }) => tightBox);
    const windows = this.#places.windows ? objects.map(({ box }) => box) : [];
    await writePicture(path, boxesOverPicture(picture, boxes, windows));
  }
}

/** The mean over objects of the square root of their boxes' areas, pixels; undefined without objects. */
function meanSize(boxes: readonly Box[]): number | undefined {
  if (boxes.length === 0) return undefined;
  const sizes = boxes.map(({ xmin, ymin, xmax, ymax }) => Math.sqrt((xmax - xmin) * (ymax - ymin)));
  return rounded(sizes.reduce((sum, size) => sum + size, 0) / sizes.length, 2);
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

function describe(file: string, scene: PictureScene, classicalCount: number, latents: boolean): unknown {
  const { count: found, width, height, tiles, scale, typical, unlikeTiles, typicality, zoom } = scene;
  const { countProbabilities, objects, elbo } = scene;
  const isOne = tiles.length === 1;
  return {
    file,
    count: found,
    classicalCount,
    width,
    height,
    tiles: tiles.length,
    ...(scale !== 1 && { scale }),
    ...(typical !== undefined && { typical, ...(isOne ? { typicality } : { unlikeTiles }) }),
    ...(zoom !== undefined && { zoom }),
    ...(isOne && { countProbabilities }),
    objects: objects.map(({ presence, score, tightBox, box, zWhere, zWhat }) => ({
      score,
      presence,
      tightBox,
      box,
      ...(isOne && { zWhere }),
      ...(latents && { zWhat: Array.from(zWhat) }),
    })),
    ...(isOne && { elbo }),
  };
}

/** A file name for each image: its own, with a number if images from different folders share it. */
function uniqueNames(files: readonly string[]): string[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const stem = basename(file, extname(file));
    let name = `${stem}.png`;
    for (let n = 2; taken.has(name); n++) name = `${stem}-${n}.png`;
    taken.add(name);
    return name;
  });
}
