/** Reports of long work on data to its caller, and the signal that stops it. */

/** The progress of a download, or of drawing or reading images. */
export type DataProgress =
  | {
      readonly phase: "download";
      readonly file: string;
      readonly receivedBytes: number;
      /** Undefined if the server does not say. */
      readonly totalBytes: number | undefined;
    }
  | { readonly phase: "generate"; readonly dataset: string; readonly done: number; readonly total: number };

/** The listeners to long work on data, and the signal that stops it. */
export interface Reporting {
  /** Called now and then with how far the work has come. */
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
  /** Called with a line about a fault that did not stop the work, such as a mirror that failed. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** Stops the work soon when it aborts; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}
