/** What a long data job tells its caller while it runs, and how the caller stops it. */

export type DataProgress =
  | {
      readonly phase: "download";
      readonly file: string;
      readonly receivedBytes: number;
      /** Unknown if the server does not say. */
      readonly totalBytes: number | undefined;
    }
  | { readonly phase: "generate"; readonly dataset: string; readonly done: number; readonly total: number };

export interface Reporting {
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
  /** One line about something that went wrong and was got round, such as a mirror that failed. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** When it aborts, the job stops soon and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}
