/** Two rows of pictures to start from: examples of the model's data set, and what the open model dreams. */
import { showAlert } from "./alerts.js";
import { byId } from "./elements.js";
import type { ModelEntry } from "./model-list.js";
import type { Opened } from "./model-loading.js";
import { copyRaster, type Raster, rasterFromCanvas } from "./raster.js";
import type { SampleSet } from "./sample-set.js";
import { fetchSamples } from "./site.js";
import { showThumbnails } from "./thumbnails.js";
import { countObjects } from "./words.js";

const THUMBNAILS = 6;
/** Number of objects in the example with which the page opens. */
const FIRST_EXAMPLE_COUNT = 2;
const NOTHING: SampleSet = { images: [], stamps: [] };

export class Suggestions {
  readonly #opened: () => Opened | undefined;
  readonly #onChoose: (raster: Raster) => void;
  #samples = NOTHING;
  #exampleRound = 0;
  #dreamSeed = 1;

  /** @param parts `onChoose` gets a copy of the picture that the user chose */
  constructor(parts: { readonly opened: () => Opened | undefined; readonly onChoose: (raster: Raster) => void }) {
    this.#opened = parts.opened;
    this.#onChoose = parts.onChoose;
    byId("more-examples", HTMLButtonElement).addEventListener("click", () => {
      this.#exampleRound++;
      this.#showExamples();
    });
    byId("more-dreams", HTMLButtonElement).addEventListener("click", () => {
      this.#dreamSeed++;
      this.showDreams().catch(showAlert);
    });
  }

  /** The examples and stamps of a model; none, with an alert, if they cannot be fetched. */
  async fetch({ samples }: ModelEntry): Promise<SampleSet> {
    if (samples === undefined) return NOTHING;
    return fetchSamples(samples).catch((error: unknown) => {
      showAlert(error);
      return NOTHING;
    });
  }

  /** Shows the examples of a set. */
  show(samples: SampleSet): void {
    this.#samples = samples;
    this.#showExamples();
  }

  /** All examples of the set, of which some are shown at a time. */
  get examples(): readonly Raster[] {
    return this.#samples.images.map(({ raster }) => raster);
  }

  /** Shows scenes that the open model samples. */
  async showDreams(): Promise<void> {
    const opened = this.#opened();
    if (!opened) return;
    const { model, entry } = opened;
    const counts = Array.from({ length: THUMBNAILS }, (_, i) => (i % Math.min(3, entry.maxSteps)) + 1);
    const scenes = await Promise.all(
      counts.map((count, i) => model.sample(1, { seed: this.#dreamSeed * THUMBNAILS + i, count })),
    );
    if (this.#opened() !== opened) return;
    const dreams = scenes.map(([scene], i) => ({
      raster: rasterFromCanvas(scene!.reconstruction, entry),
      label: `Dream: ${countObjects(counts[i]!)}`,
    }));
    this.#showRow("dreams", dreams);
  }

  #showExamples(): void {
    // An empty image is not a useful example.
    const images = this.#samples.images.filter(({ count }) => count > 0);
    const shown = Array.from(
      { length: Math.min(THUMBNAILS, images.length) },
      (_, i) => images[(this.#exampleRound * THUMBNAILS + i) % images.length]!,
    );
    this.#showRow(
      "examples",
      shown.map(({ raster, count }) => ({ raster, label: `Example: ${countObjects(count)}` })),
    );
  }

  #showRow(id: string, thumbnails: readonly { readonly raster: Raster; readonly label: string }[]): void {
    showThumbnails(byId(id, HTMLElement), thumbnails, (i) => this.#onChoose(copyRaster(thumbnails[i]!.raster)));
  }
}

/** The example with which a page opens. */
export function firstExample({ images }: SampleSet): Raster | undefined {
  return images.find(({ count }) => count === FIRST_EXAMPLE_COUNT)?.raster;
}
