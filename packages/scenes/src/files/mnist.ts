/**
 * The four MNIST files (LeCun, Cortes and Burges; CC BY-SA 3.0), from a folder of the user or downloaded once into the
 * cache. Either way, their unpacked bytes must be the original ones.
 */
import { createHash } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError, FileError } from "../errors.js";
import { placeVariables } from "../registry.js";
import type { Reporting } from "../reporting.js";
import { reasonInWords } from "./atomic-file.js";
import { download } from "./download.js";
import { MAX_IDX_BYTES, parseIdx, unpackGzip } from "./idx.js";
import { readingFile, readWholeFile } from "./read-file.js";

/** All of MNIST. */
export interface Mnist {
  /** Training images `[60000, 28, 28]`, 0..255. */
  readonly trainImages: Uint8Array;
  /** Labels of the training images `[60000]`, 0..9. */
  readonly trainLabels: Uint8Array;
  /** Test images `[10000, 28, 28]`, 0..255. */
  readonly testImages: Uint8Array;
  /** Labels of the test images `[10000]`, 0..9. */
  readonly testLabels: Uint8Array;
}

/** The content of one of the four files. */
export type MnistPart = keyof Mnist;

/** The identity of one of the files. */
export interface MnistFile {
  /** Original name, without `.gz`. */
  readonly name: string;
  /** SHA-256 of the unpacked bytes, in hexadecimal digits. That of a `.gz` would depend on the packing program. */
  readonly sha256: string;
}

/** The original four files. */
export const mnistFiles: Readonly<Record<MnistPart, MnistFile>> = {
  trainImages: {
    name: "train-images-idx3-ubyte",
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
  },
  trainLabels: {
    name: "train-labels-idx1-ubyte",
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
  },
  testImages: {
    name: "t10k-images-idx3-ubyte",
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
  },
  testLabels: {
    name: "t10k-labels-idx1-ubyte",
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  },
};

/** Addresses of mirrors. Each has every file as `NAME.gz` below it. */
export const mnistMirrors: readonly string[] = [
  "https://ossci-datasets.s3.amazonaws.com/mnist/",
  "https://storage.googleapis.com/cvdf-datasets/mnist/",
];

/** The options of {@link loadMnist}. */
export interface MnistOptions extends Reporting {
  /** Folder with the files, plain or `.gz`. If it is given, nothing is downloaded. */
  readonly mnistDir?: string | undefined;
  /** Cache folder. Downloads are kept in its subfolder `mnist`. */
  readonly cacheDir: string;
  /** Addresses of the mirrors. Default {@link mnistMirrors}. */
  readonly mirrors?: readonly string[] | undefined;
  /** Names and hashes of the files. Default {@link mnistFiles}. */
  readonly files?: Readonly<Record<MnistPart, MnistFile>> | undefined;
}

/**
 * Loads all four files.
 *
 * @throws see {@link loadMnistPart}
 */
export async function loadMnist(options: MnistOptions): Promise<Mnist> {
  return {
    trainImages: await loadMnistPart("trainImages", options),
    trainLabels: await loadMnistPart("trainLabels", options),
    testImages: await loadMnistPart("testImages", options),
    testLabels: await loadMnistPart("testLabels", options),
  };
}

/**
 * Loads one of the four files.
 *
 * @throws {DataError} naming the file, if it is missing from `mnistDir`, is damaged, has another hash than the original
 *   (the message has both), or could be downloaded from no mirror (the message has the reason of each)
 * @throws {FileError} if a file cannot be read or written
 * @throws the signal's reason when aborted
 */
export async function loadMnistPart(part: MnistPart, options: MnistOptions): Promise<Uint8Array> {
  const { mnistDir, cacheDir, mirrors = mnistMirrors, files = mnistFiles, ...reporting } = options;
  const file = files[part];
  if (mnistDir !== undefined) {
    const path = await findFile(mnistDir, file.name);
    return readingFile(path, async () => openMnistFile(await read(path), path, file));
  }
  const folder = join(cacheDir, "mnist");
  const path = join(folder, `${file.name}.gz`);
  if (await exists(path)) {
    try {
      return await readingFile(path, async () => openMnistFile(await read(path), path, file));
    } catch (cause) {
      if (!(cause instanceof DataError)) throw cause;
      reporting.onNotice?.(`${cause.message}; downloading it again`);
    }
  }
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new FileError(`Cannot create ${folder}: ${reasonInWords(cause)}`, folder, { cause });
  });
  const urls = mirrors.map((mirror) => `${mirror.replace(/\/?$/, "/")}${file.name}.gz`);
  try {
    return await download({ ...reporting, urls, path, accept: (bytes) => openMnistFile(bytes, "the file", file) });
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    throw new DataError(
      `${cause.message}\nIf you have the MNIST files, give their folder as mnistDir, or in ${placeVariables.mnistDir}.`,
      { kind: "download", key: "mnistDir", cause },
    );
  }
}

async function openMnistFile(bytes: Uint8Array, source: string, { name, sha256 }: MnistFile): Promise<Uint8Array> {
  const unpacked = await unpackGzip(bytes, source);
  const found = createHash("sha256").update(unpacked).digest("hex");
  if (found !== sha256) {
    throw new DataError(
      `${source} is not the original ${name}, or it is damaged: the SHA-256 of its unpacked bytes is ${found}, expected ${sha256}`,
    );
  }
  return parseIdx(unpacked, source).data;
}

/**
 * Finds a file under any of its usual names: plain or packed, with a hyphen or a dot before `idx`; in the folder, in torchvision's
 * `MNIST/raw` below it, or in a folder of the file's own name, as some archives unpack to.
 */
async function findFile(folder: string, name: string): Promise<string> {
  const spellings = [name, name.replace("-idx", ".idx")];
  const candidates = spellings.flatMap((spelling) => [spelling, `${spelling}.gz`]);
  for (const place of [folder, join(folder, "raw"), join(folder, "MNIST", "raw")]) {
    for (const candidate of candidates) {
      for (const path of [join(place, candidate), ...candidates.map((each) => join(place, candidate, each))]) {
        if (await isFile(path)) return path;
      }
    }
  }
  throw new DataError(
    (await exists(folder))
      ? `The MNIST folder ${folder} has none of ${candidates.join(", ")}`
      : `The MNIST folder ${folder} does not exist`,
    { kind: "missing", file: folder, key: "mnistDir" },
  );
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => !stats.isDirectory(),
    () => false,
  );
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function read(path: string): Promise<Uint8Array> {
  return readWholeFile(path, { maxBytes: MAX_IDX_BYTES });
}
