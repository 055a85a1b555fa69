/** How pictures of any size become images of one size: the same words and the same scaling for training and inference. */
import { z } from "zod";

/** The ways in which pictures are fitted to images of one size. */
export const pictureFits = ["auto", "tiles", "scale", "exact"] as const;

/**
 * How a picture is fitted to square images of one size.
 *
 * - `auto`, the default. In training: `exact` where that is possible, otherwise `tiles`, at a scale at which objects are small enough.
 *   In inference: as the model's training images were fitted; see {@link TrainedFit};
 * - `tiles`: at its own scale, or at the one that is given. A picture of the images' size is taken as it is, a larger one is cut into tiles,
 *   and a smaller one lies in the middle of an image whose rest is ground;
 * - `scale`: its longer side becomes that of the images, and the rest of the image is ground;
 * - `exact`: another size is an error.
 */
export type PictureFit = (typeof pictureFits)[number];

/** Least and greatest scale of pictures that are cut into tiles. */
export const fitScaleRange = [1 / 64, 16] as const;

/** The schema of {@link TrainedFit}. */
export const trainedFitSchema = z.strictObject({
  /** `tiles` or `scale`, see {@link PictureFit}. */
  fit: z.enum(["tiles", "scale"]),
  /** Pixels of an image for one pixel of the picture, with `tiles`; 1 if absent. */
  scale: z.number().min(fitScaleRange[0]).max(fitScaleRange[1]).optional(),
});

/** How the pictures that a model was trained on became its images. */
export type TrainedFit = z.output<typeof trainedFitSchema>;

/** Width and height of a picture, pixels. */
export interface PictureSize {
  /** Pixels of a row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
}

/**
 * The pixels of an image for one pixel of a picture.
 *
 * @param side side of the images, pixels
 */
export function pictureScale({ width, height }: PictureSize, side: number, { fit, scale = 1 }: TrainedFit): number {
  return fit === "tiles" ? scale : side / Math.max(width, height);
}

/** The size of a picture that is scaled, pixels; at least 1x1. */
export function scaledSize({ width, height }: PictureSize, scale: number): PictureSize {
  return { width: Math.max(1, Math.round(scale * width)), height: Math.max(1, Math.round(scale * height)) };
}
