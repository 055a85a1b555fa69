/** Agreement of the objects' masks with the true ones, over many images. */
import type { Scene } from "@air-onnx/core";
import { SHARED_PIXEL } from "@air-onnx/scenes";
import { MeanTally } from "./evaluation.js";

/**
 * Agreement of masks, over the images with at least two objects: with one, a single pixel that the mask lacks makes the index 0.
 */
export interface SegmentationQuality {
  /** Number of images with at least two objects. */
  readonly images: number;
  /** Mean of {@link foregroundAri} over these images. */
  readonly ariForeground: number;
}

/** Adds up the agreement image by image. */
export class SegmentationTally {
  readonly #mean = new MeanTally();

  /**
   * Adds an image.
   *
   * @param owners owner of each pixel, `[S, S]`, as in `ObjectTruth`
   * @param trueCount number of objects in the image; images with fewer than two are left out
   */
  add(objects: Scene["objects"], owners: Uint8Array, trueCount: number): void {
    const ari = trueCount > 1 ? foregroundAri(objects, owners) : undefined;
    if (ari !== undefined) this.#mean.add(ari);
  }

  /** Returns the agreement over all images so far; undefined if none had several objects. */
  result(): SegmentationQuality | undefined {
    const { size: images, mean: ariForeground } = this.#mean;
    return images > 0 ? { images, ariForeground } : undefined;
  }
}

/**
 * The adjusted Rand index (Hubert and Arabie, 1985) of the foreground, as Greff et al. (IODINE, 2019) measure segmentations: over
 * the pixels that exactly one true object inks, it compares whose they are with whose they are found to be. A pixel belongs to
 * the first found object whose mask has it, and to the background, one more cluster, if none has. 1 is agreement, 0 what chance
 * gives. If all pixels are one cluster both ways, it is 1.
 *
 * @returns undefined if no pixel is one object's alone
 */
export function foregroundAri(
  objects: readonly Pick<Scene["objects"][0], "mask">[],
  owners: Uint8Array,
): number | undefined {
  const table = new Map<number, Map<number, number>>();
  let total = 0;
  for (let pixel = 0; pixel < owners.length; pixel++) {
    const owner = owners[pixel]!;
    if (owner === 0 || owner === SHARED_PIXEL) continue;
    const found = objects.findIndex(({ mask }) => mask[pixel] === 1);
    const row = table.get(owner) ?? new Map<number, number>();
    row.set(found, (row.get(found) ?? 0) + 1);
    table.set(owner, row);
    total++;
  }
  if (total === 0) return undefined;
  const pairs = (count: number): number => (count * (count - 1)) / 2;
  const columns = new Map<number, number>();
  let [together, ofRows] = [0, 0];
  for (const row of table.values()) {
    let size = 0;
    for (const [found, count] of row) {
      together += pairs(count);
      size += count;
      columns.set(found, (columns.get(found) ?? 0) + count);
    }
    ofRows += pairs(size);
  }
  const ofColumns = [...columns.values()].reduce((sum, count) => sum + pairs(count), 0);
  const expected = total > 1 ? (ofRows * ofColumns) / pairs(total) : 0;
  const most = (ofRows + ofColumns) / 2;
  return most === expected ? 1 : (together - expected) / (most - expected);
}
