/** `models.json`: the models that this copy of the page was built with. */
export interface ModelEntry {
  readonly name: string;
  /** Relative to the page, with a slash at its end. */
  readonly url: string;
  readonly imageSize: number;
  readonly channels: number;
  readonly maxSteps: number;
  /** Bytes of its graphs. */
  readonly bytes: number;
  /** Share of held-out images whose number of objects is right, if it was measured. */
  readonly countAccuracy?: number;
  /** Of its sample set, relative to the page, if the build knows such images. */
  readonly samples?: string;
}
