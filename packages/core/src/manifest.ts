/**
 * The manifest, `config.json` of an exported model: the files of the folder with their hashes, and how the model was made.
 */
import { z } from "zod";
import { airConfigSchema, defaultAirConfig, parseWith } from "./config.js";
import { upgradeAirConfig } from "./config-upgrade.js";
import { ConfigError } from "./errors.js";
import { type GraphName, graphNames } from "./graphs.js";
import { parseJson } from "./json.js";
import { MAX_GRAPH_BYTES, MAX_MANIFEST_BYTES, MAX_PATH_LENGTH } from "./limits.js";
import { isRecord } from "./overlay.js";
import { fitScaleRange, pictureFits, trainedFitSchema } from "./picture-fit.js";
import { preprocessingSchema } from "./preprocessing.js";
import { scoreCalibrationSchema } from "./score.js";
import { typicalityLimitsSchema } from "./typicality.js";

/** Name of the manifest in a model's folder. */
export const MANIFEST_FILE = "config.json";
/** Version of the manifest's format. It is increased when readers of the old format could misread the new one. */
export const MANIFEST_VERSION = 1;

/** The schema of {@link ManifestFile}. */
export const manifestFileSchema = z.strictObject({
  /**
   * Path relative to the manifest, with forward slashes. Names consist of letters, digits, `-`, `_` and `.` and do not
   * begin with a dot. So a path means the same in a file system and in a URL, and never leaves the folder.
   */
  path: z
    .string()
    .max(MAX_PATH_LENGTH)
    .regex(
      /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/,
      "must be a relative path inside the folder, of names of letters, digits, -, _ and . with forward slashes between",
    ),
  /** Size in bytes. */
  size: z.int().positive().max(MAX_GRAPH_BYTES),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits"),
});

/** The held-out images that a model was measured on, as options of its data set; options that the set lacks are absent. */
const heldOutSchema = z.strictObject({
  testSize: z.int().positive().optional(),
  /** Seed of the generated images or, for a user's own images, of the choice of the held-out ones. */
  seed: z.int().nonnegative().optional(),
  imageSize: z.int().positive().optional(),
  patchSize: z.int().positive().optional(),
  minCount: z.int().nonnegative().optional(),
  maxCount: z.int().positive().optional(),
  skippedCount: z.int().nonnegative().optional(),
  testFraction: z.number().gt(0).lt(1).optional(),
  /** How images of a user's folder became images of one size, of which side, and at which scale. */
  fit: z.enum(pictureFits).optional(),
  fitSize: z.int().positive().optional(),
  fitScale: z.number().min(fitScaleRange[0]).max(fitScaleRange[1]).optional(),
});

/** The schema of {@link Manifest}; unknown keys are refused. */
export const manifestSchema = z
  .strictObject({
    format: z.literal("air-onnx"),
    formatVersion: z.literal(MANIFEST_VERSION),
    name: z.string().min(1),
    model: airConfigSchema,
    /** Conversion of pixels to the graph's input: value / scale. Scale is 255 for 8-bit images. */
    normalisation: z.strictObject({ scale: z.number().positive() }),
    /** Preprocessing of the normalised images; absent if the model's images are bright on black. */
    preprocessing: preprocessingSchema.optional(),
    /** How the pictures that it was trained on became its images; absent if they were images of its size. */
    pictures: trainedFitSchema.optional(),
    opset: z.int().positive(),
    /** Type in which the graphs store their weights; they compute in float32 in either case. */
    weights: z.enum(["float32", "float16", "int8"]).default("float32"),
    /** SPDX expression of the model's licence, if it is known. */
    license: z.string().min(1).optional(),
    files: z.strictObject({
      ...(Object.fromEntries(graphNames.map((name) => [name, manifestFileSchema])) as Record<
        GraphName,
        typeof manifestFileSchema
      >),
      /**
       * All steps and what they find as one graph, for engines without a loop of this project; a model that was exported
       * before there were such files has none. The runtimes do not need it.
       */
      scene: manifestFileSchema
        .extend({
          /** Form of its images: intensities `[batch, C, S, S]`, or the bytes of image files `[batch, S, S, C]`. */
          input: z.enum(["float32", "uint8"]),
        })
        .optional(),
    }),
    training: z.strictObject({
      dataset: z.string(),
      /** Absent where it is not known. It never contains the location of a user's own images. */
      heldOut: heldOutSchema.optional(),
      seed: z.int().nonnegative(),
      steps: z.int().nonnegative(),
      /** Source revision of the code that trained it, if known. */
      commit: z.string().nullable(),
      /** ISO 8601 time of the export. */
      exportedAt: z.string(),
    }),
    /** Numbers measured on held-out images, by name, such as `countAccuracyMap` (fraction) or `elbo` (nats per image). */
    metrics: z.record(z.string(), z.number()),
    /** By what the model tells images that are unlike its training data; a model without it cannot. */
    typicality: typicalityLimitsSchema.optional(),
    /** How the scores of objects follow from what is found; without it they are the objects' presences. */
    score: scoreCalibrationSchema.optional(),
  })
  .refine(({ model, preprocessing }) => !preprocessing || preprocessing.polarity.length === model.channels, {
    message: "must have one entry for each channel of the model",
    path: ["preprocessing", "polarity"],
  });

/** The content of a valid manifest. */
export type Manifest = z.output<typeof manifestSchema>;
/** The manifest's entry for one file: path, size in bytes and SHA-256. */
export type ManifestFile = Manifest["files"][GraphName];

/**
 * Parses and validates a manifest. Its model may have the first form, see {@link upgradeAirConfig}.
 *
 * @param text the manifest as text or as the bytes of its file
 * @param source name of the manifest in error messages
 * @throws {ConfigError} if it is too long, not JSON or not of this form; the message names `source` and the offending keys
 */
export function parseManifest(text: string | Uint8Array, source: string): Manifest {
  if (text.length > MAX_MANIFEST_BYTES) {
    throw new ConfigError(`Manifest ${source} is too long: it may have ${MAX_MANIFEST_BYTES} bytes`, {
      kind: "size",
      source: `manifest ${source}`,
    });
  }
  const what = `manifest ${source}`;
  const json = parseJson(text, `Manifest ${source}`);
  const current = isRecord(json)
    ? { ...json, model: upgradeAirConfig(json.model, defaultAirConfig(), what, "model.") }
    : json;
  return parseWith(manifestSchema, current, what);
}

/** The JSON Schema (draft 2020-12) of the manifest, for tools in other languages. */
export function manifestJsonSchema(): unknown {
  return z.toJSONSchema(manifestSchema, { io: "input" });
}
