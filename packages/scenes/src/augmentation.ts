/** Augmentation of small sets: each time an image is used, it is mirrored, turned, moved and made brighter or darker at random. */
import type { RandomStream } from "@air-onnx/core/random";
import { z } from "zod";
import type { ImageForm } from "./scene-set.js";

/** The schema of {@link Augmentation}. */
export const augmentationSchema = z.strictObject({
  /** Whether half of the images are mirrored. */
  flips: z.boolean().default(true),
  /** Whether images are turned by 0, 90, 180 or 270 degrees. */
  turns: z.boolean().default(true),
  /** Most pixels by which an image is moved to each side. What comes in from outside is black. */
  shift: z.int().nonnegative().default(0),
  /** Most by which the factor of the intensities differs from 1, in [0, 1). Intensities are cut off at 1. */
  brightness: z.number().gte(0).lt(1).default(0.1),
});

/** How images are augmented. */
export type Augmentation = z.output<typeof augmentationSchema>;

/**
 * Augments one image. Random numbers are drawn in this order, whatever is switched off: mirror, turn, x, y, brightness.
 *
 * @param image intensities in [0, 1], `[C, S, S]`, which are replaced
 * @param scratch memory for the original image, `[C, S, S]`
 */
export function augmentImage(
  image: Float32Array,
  { imageSize: side, channels }: ImageForm,
  { flips, turns, shift, brightness }: Augmentation,
  random: RandomStream,
  scratch: Float32Array,
): void {
  const mirror = random.integer(2) === 1 && flips;
  const turn = random.integer(4) * (turns ? 1 : 0);
  const dx = random.integer(2 * shift + 1) - shift;
  const dy = random.integer(2 * shift + 1) - shift;
  const factor = 1 + brightness * (2 * random.uniform() - 1);
  scratch.set(image);
  const last = side - 1;
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      const [column, row] = [x - dx, y - dy];
      const isInside = column >= 0 && row >= 0 && column <= last && row <= last;
      const across = mirror ? last - column : column;
      const from =
        turn === 0
          ? row * side + across
          : turn === 1
            ? across * side + last - row
            : turn === 2
              ? (last - row) * side + last - across
              : (last - across) * side + row;
      for (let c = 0, plane = 0; c < channels; c++, plane += side * side) {
        image[plane + at] = isInside ? Math.min(1, factor * scratch[plane + from]!) : 0;
      }
    }
  }
}
