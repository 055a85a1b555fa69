/** The errors of this package. Each has fields that a caller can act on, so that nobody needs to read the message. */

/**
 * The kind of fault in data:
 *
 * - `option`: what was asked for cannot be, see `key`;
 * - `missing`: a file, folder, data set or part of one is not there;
 * - `download`: it could not be downloaded;
 * - `content`: it is there, and damaged or not what it should be;
 * - `generator`: a generator did not draw what it should.
 */
export type DataErrorKind = "option" | "missing" | "download" | "content" | "generator";

/** The fields of a {@link DataError}. */
export interface DataErrorDetails extends ErrorOptions {
  /** Default `content`. */
  readonly kind?: DataErrorKind;
  /** The file or folder. */
  readonly file?: string | undefined;
  /** The option that is wrong or would help, by its name in `DatasetOptions`; `dataset` for the data set itself. */
  readonly key?: string | undefined;
}

/** Data that cannot be had: a file that is missing, damaged or not what it should be. The message says what to do. */
export class DataError extends Error {
  override name = "DataError";
  /** Kind of fault. */
  readonly kind: DataErrorKind;
  /** The file or folder. */
  readonly file: string | undefined;
  /** The option that is wrong or would help, by its name in `DatasetOptions`; `dataset` for the data set itself. */
  readonly key: string | undefined;

  constructor(message: string, { kind = "content", file, key, ...options }: DataErrorDetails = {}) {
    super(message, options);
    this.kind = kind;
    this.file = file;
    this.key = key;
  }
}

/**
 * The kind of fault in a file or folder:
 *
 * - `access`: it could not be read, written, listed, made or deleted; see `cause`;
 * - `content`: it was read, and is not what it should be;
 * - `occupied`: something is where a new file or folder was to be;
 * - `locked`: another process writes to it.
 */
export type FileErrorKind = "access" | "content" | "occupied" | "locked";

/** The fields of a {@link FileError} beside its path. */
export interface FileErrorDetails extends ErrorOptions {
  /** Default `access`. */
  readonly kind?: FileErrorKind;
}

/** A file or folder cannot be used. The message names the path and the reason in words. */
export class FileError extends Error {
  override name = "FileError";
  /** The file or folder. */
  readonly path: string;
  /** Kind of fault. */
  readonly kind: FileErrorKind;

  constructor(message: string, path: string, { kind = "access", ...options }: FileErrorDetails = {}) {
    super(message, options);
    this.path = path;
    this.kind = kind;
  }
}

/** The content of a folder. `other` is anything else, or unknown because the folder cannot be made. */
export type FolderContent = "run" | "sweep" | "model" | "other";

/** The fields of an {@link OutputFolderError} beside its path. */
export interface OutputFolderErrorDetails extends FileErrorDetails {
  /** Default `other`. */
  readonly holds?: FolderContent;
}

/** The folder of a new run, sweep or model cannot be made: something is there already, or the system refused. */
export class OutputFolderError extends FileError {
  override name = "OutputFolderError";
  /** Content of the folder. */
  readonly holds: FolderContent;

  constructor(message: string, path: string, { holds = "other", ...details }: OutputFolderErrorDetails = {}) {
    super(message, path, details);
    this.holds = holds;
  }
}

/** The fields of a {@link SafetensorsError}. */
export interface SafetensorsErrorDetails extends ErrorOptions {
  /** The path or URL of the bytes that were read. */
  readonly source?: string | undefined;
  /** The tensor that cannot be written. */
  readonly tensor?: string | undefined;
}

/** Bytes are not a well-formed safetensors file, or tensors cannot be written as one. */
export class SafetensorsError extends Error {
  override name = "SafetensorsError";
  /** The path or URL of the bytes that were read; undefined if they were to be written. */
  readonly source: string | undefined;
  /** The tensor that cannot be written; undefined if a file was read. */
  readonly tensor: string | undefined;

  constructor(message: string, { source, tensor, ...options }: SafetensorsErrorDetails = {}) {
    super(message, options);
    this.source = source;
    this.tensor = tensor;
  }
}
