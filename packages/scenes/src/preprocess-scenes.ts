/** Preprocesses whole sets of images, as core's `preprocessImage` does one image. */
import { type Preprocessing, preprocessImage } from "@air-onnx/core";
import { PackedImages } from "./packed-images.js";
import { fillBatch, type ImageSource, type ImageStream, type PackedSet, pixelsPerImage } from "./scene-set.js";

/**
 * Preprocesses all images of a set, or each image of a stream when it is drawn. Labels are kept. Intensities are rounded to 8 bits,
 * and a set is packed: its ground is black now.
 *
 * @throws {RangeError} if the parameters have another number of channels than the images
 */
export function preprocessSource<Source extends ImageSource>(
  source: Source,
  preprocessing: Preprocessing,
): Source extends ImageStream ? Source : Omit<Source, "images" | "packed" | "first"> & PackedSet;
export function preprocessSource(source: ImageSource, preprocessing: Preprocessing): ImageSource {
  const pixels = pixelsPerImage(source);
  const values = new Float32Array(pixels);
  const prepare = (index: number, target: Uint8Array): void => {
    fillBatch(source, [index], values);
    preprocessImage(values, source, preprocessing, values);
    for (let i = 0; i < pixels; i++) target[i] = Math.round(255 * values[i]!);
  };
  if ("draw" in source) {
    return {
      ...source,
      draw(indices, target) {
        for (let b = 0; b < indices.length; b++) prepare(indices[b]!, target.subarray(b * pixels, (b + 1) * pixels));
      },
    };
  }
  const packed = new PackedImages(pixels, source.size);
  const bytes = new Uint8Array(pixels);
  for (let i = 0; i < source.size; i++) {
    prepare(i, bytes);
    packed.add(bytes);
  }
  const { images: _, ...others } = source as typeof source & { images?: Uint8Array };
  return { ...others, packed, first: 0 };
}
