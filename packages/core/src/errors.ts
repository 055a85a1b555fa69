/** The errors of this package. Each has fields that a caller can act on, so that nobody needs to read the message. */

/** A place where a model was looked for. */
export interface TriedAddress {
  /** A path, a URL, or words such as `npm package digits`. */
  readonly address: string;
  /** Why the model is not there, in words that follow the address. */
  readonly reason: string;
}

/** What is wrong with one setting. */
export interface ConfigIssue {
  /** `unknown`: there is no such setting; `invalid`: its value is not allowed. */
  readonly kind: "unknown" | "invalid";
  /** The setting's key with dots, such as `prior.whereMean.0`; empty for the whole. */
  readonly key: string;
  /** What was expected. */
  readonly message: string;
}

/**
 * Why a configuration was refused:
 *
 * - `settings`: settings are unknown or invalid, see `issues`;
 * - `json`: the text is not JSON, or is JSON that is not safe to use;
 * - `size`: the text is longer than it may be.
 */
export type ConfigErrorKind = "settings" | "json" | "size";

/** The fields of a {@link ConfigError}. */
export interface ConfigErrorDetails extends ErrorOptions {
  /** Default `settings`. */
  readonly kind?: ConfigErrorKind;
  /** What was read, such as `manifest models/digits/config.json`. */
  readonly source?: string | undefined;
  /** Default none. */
  readonly issues?: readonly ConfigIssue[];
}

/** A configuration or manifest does not have the required form. */
export class ConfigError extends Error {
  override name = "ConfigError";
  /** What kind of fault it is. */
  readonly kind: ConfigErrorKind;
  /** What was read, such as `manifest models/digits/config.json`. */
  readonly source: string | undefined;
  /** The first of the settings that are wrong; none unless `kind` is `settings`. */
  readonly issues: readonly ConfigIssue[];

  constructor(message: string, { kind = "settings", source, issues = [], ...options }: ConfigErrorDetails = {}) {
    super(message, options);
    this.kind = kind;
    this.source = source;
    this.issues = issues;
  }
}

/** A model cannot take an image. The message names the image, what is wrong and what to do. */
export class ImageError extends Error {
  override name = "ImageError";
  /** Which image of those given, counted from 0; undefined if it is none in particular. */
  readonly index: number | undefined;
  /** The message without the image's name, to be put after another one: `is 3x3, this model takes 4x4: …`. */
  readonly problem: string;

  constructor(problem: string, index?: number, options?: ErrorOptions) {
    super(index === undefined ? problem : `image ${index} ${problem}`, options);
    this.index = index;
    this.problem = problem;
  }
}

/**
 * Why a picture file cannot be decoded:
 *
 * - `format`: it is of no format that is read;
 * - `damaged`: it is truncated or damaged;
 * - `size`: it has more bytes or pixels than are read;
 * - `samples`: its samples are of another type than 8 or 16 bits;
 * - `decoder`: the package that decodes it is not installed.
 */
export type PictureFileErrorKind = "format" | "damaged" | "size" | "samples" | "decoder";

/** The fields of a {@link PictureFileError}. */
export interface PictureFileErrorDetails extends ErrorOptions {
  /** What kind of fault it is. */
  readonly kind: PictureFileErrorKind;
  /** The file's format, where it is known. */
  readonly format?: "PNG" | "JPEG" | "WebP" | "TIFF";
}

/** A picture file cannot be decoded. The message says why, in words that follow the file's name. */
export class PictureFileError extends Error {
  override name = "PictureFileError";
  /** What kind of fault it is. */
  readonly kind: PictureFileErrorKind;
  /** The file's format, where it is known. */
  readonly format: "PNG" | "JPEG" | "WebP" | "TIFF" | undefined;

  constructor(message: string, { kind, format, ...options }: PictureFileErrorDetails) {
    super(message, options);
    this.kind = kind;
    this.format = format;
  }
}

/**
 * Why a file of a model was refused:
 *
 * - `location`: the file or folder is not where a model's may be;
 * - `unreadable`: it is missing, may not be read, or is no regular file;
 * - `unreachable`: no server answered, or its answer broke off;
 * - `damaged`: its size or hash is not the manifest's, or it is too large;
 * - `graph`: it is not the ONNX graph that its name says, or onnxruntime cannot load it;
 * - `unverifiable`: it was to be compared with the manifest where that is not possible.
 */
export type ModelFileErrorKind = "location" | "unreadable" | "unreachable" | "damaged" | "graph" | "unverifiable";

/** The fields of a {@link ModelFileError}. */
export interface ModelFileErrorDetails extends ErrorOptions {
  /** What kind of fault it is. */
  readonly kind: ModelFileErrorKind;
  /** The path or URL of the file, or its path in the model's folder. */
  readonly file?: string | undefined;
  /** Where a model of a given name was looked for. Default none. */
  readonly tried?: readonly TriedAddress[];
}

/** A file of a model is missing, damaged, or not what it should be. The message names it and says what to do. */
export class ModelFileError extends Error {
  override name = "ModelFileError";
  /** What kind of fault it is. */
  readonly kind: ModelFileErrorKind;
  /** The path or URL of the file, or its path in the model's folder. */
  readonly file: string | undefined;
  /** Where a model of a given name was looked for, and why it is not there; none if its place was clear. */
  readonly tried: readonly TriedAddress[];

  constructor(message: string, { kind, file, tried = [], ...options }: ModelFileErrorDetails) {
    super(message, options);
    this.kind = kind;
    this.file = file;
    this.tried = tried;
  }
}

/**
 * What was wrong with an output:
 *
 * - `missing`: the graph did not return it;
 * - `type`: it is not of 32-bit floating-point numbers;
 * - `shape`: it does not have the expected shape;
 * - `value`: it has NaN or infinity.
 */
export type GraphOutputErrorKind = "missing" | "type" | "shape" | "value";

/** The fields of a {@link GraphOutputError}. */
export interface GraphOutputErrorDetails extends ErrorOptions {
  /** What kind of fault it is. */
  readonly kind: GraphOutputErrorKind;
  /** Which output. */
  readonly output: string;
  /** Number of the image, counted from 0, if `kind` is `value`. */
  readonly image?: number | undefined;
  /** Step of the attention loop, counted from 0, if `kind` is `value` and the output has steps. */
  readonly step?: number | undefined;
}

/** An ONNX graph did not return what it must: an output is missing, of a wrong type or shape, or not finite. */
export class GraphOutputError extends Error {
  override name = "GraphOutputError";
  /** What kind of fault it is. */
  readonly kind: GraphOutputErrorKind;
  /** Which output. */
  readonly output: string;
  /** Number of the image, counted from 0; undefined unless `kind` is `value`. */
  readonly image: number | undefined;
  /** Step of the attention loop, counted from 0; undefined unless `kind` is `value` and the output has steps. */
  readonly step: number | undefined;

  constructor(message: string, { kind, output, image, step, ...options }: GraphOutputErrorDetails) {
    super(message, options);
    this.kind = kind;
    this.output = output;
    this.image = image;
    this.step = step;
  }
}

/** A graph that runs: one of a model's files, or `scene`, the one that encoder and steps were joined to. */
export type RunnableGraph = "encoder" | "step" | "decoder" | "scene";

/** The fields of a {@link GraphRunError}. */
export interface GraphRunErrorDetails extends ErrorOptions {
  /** Which graph. */
  readonly graph: RunnableGraph;
}

/**
 * The engine could not run an ONNX graph to its end: the graph contradicts itself, or there was no memory for a tensor. `cause` is
 * the engine's own error.
 */
export class GraphRunError extends Error {
  override name = "GraphRunError";
  /** Which graph. */
  readonly graph: RunnableGraph;

  constructor(message: string, { graph, ...options }: GraphRunErrorDetails) {
    super(message, options);
    this.graph = graph;
  }
}

/** A model was used after its `dispose()`. */
export class ModelDisposedError extends Error {
  override name = "ModelDisposedError";
  /** The model's name. */
  readonly model: string;

  constructor(model: string) {
    super(`The model "${model}" has been disposed of`);
    this.model = model;
  }
}
