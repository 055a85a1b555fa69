/** Reads picture files and infers them, a bounded number at a time; a file that cannot be used is reported and left out. */
import type { PictureOptions, PictureScene } from "@air-onnx/core";
import type { AirModel } from "@air-onnx/runtime-node";
import type { Raster } from "@air-onnx/scenes";

/** The answer to one file. */
export interface Answer {
  readonly file: string;
  readonly picture: Raster;
  readonly scene: PictureScene;
  /** Number of objects by the classical way, without the model: background, threshold, watershed. */
  readonly classicalCount: number;
}

/** A file that could not be used. */
export interface Failure {
  readonly file: string;
  readonly reason: string;
}

/** Most files that are inferred together, and pixels from which on no further one joins them. */
const TOGETHER = { files: 32, pixels: 2 ** 22 } as const;

/** What {@link inferFiles} needs beside the files. */
export interface InferFilesOptions {
  readonly model: AirModel;
  readonly options: Omit<PictureOptions, "firstImage" | "onProgress">;
  readonly say: (line: string) => void;
  /** Called with the number of files that are done, where a file may be done in part. */
  readonly onProgress: (done: number) => void;
}

/** Infers each file, in their order. */
export async function* inferFiles(
  files: readonly string[],
  { model, options, say, onProgress }: InferFilesOptions,
): AsyncGenerator<Answer | Failure> {
  const { readPictureInBytes, reasonInWords, whiteOfFiles } = await import("@air-onnx/scenes");
  const white = await whiteOfFiles(files, say);
  let tiles = 0;
  for (let next = 0; next < files.length; ) {
    options.signal?.throwIfAborted();
    const first = next;
    const read: (Failure | { readonly file: string; readonly picture: Raster })[] = [];
    for (let pixels = 0; next < files.length && read.length < TOGETHER.files && pixels < TOGETHER.pixels; next++) {
      const file = files[next]!;
      try {
        const picture = await readPictureInBytes(file, white, say);
        pixels += picture.width * picture.height;
        read.push({ file, picture });
      } catch (cause) {
        read.push({ file, reason: withoutName(file, reasonInWords(cause)) });
      }
    }
    const progress = (done: number): void => onProgress(first + done);
    for (const each of await inferSome(read, model, { ...options, firstImage: tiles, onProgress: progress })) {
      if ("scene" in each) tiles += each.scene.tiles.length;
      yield each;
    }
    onProgress(next);
  }
}

/** Infers pictures together; one that the model cannot take becomes a failure, and the others are inferred without it. */
async function inferSome(
  read: readonly (Failure | { readonly file: string; readonly picture: Raster })[],
  model: AirModel,
  options: PictureOptions,
): Promise<(Answer | Failure)[]> {
  const { ImageError, preparePicture } = await import("@air-onnx/core");
  const { findBlobs } = await import("@air-onnx/scenes");
  const answers = new Map<string, Answer | Failure>();
  let left = read.flatMap((each) => ("picture" in each ? [each] : []));
  while (left.length > 0) {
    try {
      const scenes = await model.inferPictures(
        left.map(({ picture }) => picture),
        options,
      );
      for (const [i, { file, picture }] of left.entries()) {
        const scene = scenes[i]!;
        const classicalCount = findBlobs(preparePicture(picture, model, scene)).length;
        answers.set(file, { file, picture, scene, classicalCount });
      }
      break;
    } catch (cause) {
      if (!(cause instanceof ImageError) || cause.index === undefined) throw cause;
      const { file } = left[cause.index]!;
      answers.set(file, { file, reason: cause.problem });
      left = left.filter((_, i) => i !== cause.index);
    }
  }
  return read.map((each) => answers.get(each.file) ?? (each as Failure));
}

/** A reason that does not begin with the name of the file again. */
function withoutName(file: string, reason: string): string {
  return reason.startsWith(`${file} `) ? reason.slice(file.length + 1) : reason;
}
