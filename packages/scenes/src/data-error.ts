/**
 * What is wrong with data:
 *
 * - `option`: what was asked for cannot be, see `key`;
 * - `missing`: a file, folder, data set or part of one is not there;
 * - `download`: it could not be downloaded;
 * - `content`: it is there, and damaged or not what it should be;
 * - `generator`: a generator did not draw what it should.
 */
export type DataErrorKind = "option" | "missing" | "download" | "content" | "generator";

export interface DataErrorDetails extends ErrorOptions {
  /** Default `content`. */
  readonly kind?: DataErrorKind;
  /** The file or folder. */
  readonly file?: string | undefined;
  /** The option, by its name in `DatasetOptions`, that is wrong or would help. */
  readonly key?: string | undefined;
}

/** Data that cannot be had: a file that is missing, damaged or not what it should be. The message says what to do. */
export class DataError extends Error {
  override name = "DataError";
  readonly kind: DataErrorKind;
  readonly file: string | undefined;
  readonly key: string | undefined;

  constructor(message: string, { kind = "content", file, key, ...options }: DataErrorDetails = {}) {
    super(message, options);
    this.kind = kind;
    this.file = file;
    this.key = key;
  }
}

/** What `read` makes of `file`; a {@link DataError} that it throws has the file's name. */
export async function readingFile<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof DataError) || cause.file !== undefined) throw cause;
    const { kind, key } = cause;
    throw new DataError(cause.message, { kind, key, file, cause });
  }
}
