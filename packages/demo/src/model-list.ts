/** An entry of `models.json`, which lists the models that this copy of the page was built with. */
export interface ModelEntry {
  readonly name: string;
  /** The images that it takes, for readers: "Handwritten digits". */
  readonly title: string;
  /** URL of the model's folder, relative to the page, with a final slash. */
  readonly url: string;
  readonly imageSize: number;
  readonly channels: number;
  readonly maxSteps: number;
  /** Bytes of all graphs. */
  readonly bytes: number;
  /** Share of held-out images with the right count, if it was measured. */
  readonly countAccuracy?: number;
  /** URL of the sample set, relative to the page; absent if the model's data set cannot be generated. */
  readonly samples?: string;
}
