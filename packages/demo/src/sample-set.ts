/** The file of example images and stamps that the build writes for a model: `{ counts, images, stamps }` as JSON. */
import { fromBase64Url, toBase64Url } from "./base64url.js";
import { packBits, unpackBits } from "./packbits.js";
import type { Raster } from "./raster.js";

export interface SampleSet {
  readonly images: readonly { readonly raster: Raster /** True number of objects. */; readonly count: number }[];
  /** Pictures of single objects, to be dropped into a picture. */
  readonly stamps: readonly Raster[];
}

interface PackedRaster {
  readonly side: number;
  readonly channels: number;
  readonly pixels: string;
}

interface SampleFile {
  readonly images: readonly (PackedRaster & { readonly count: number })[];
  readonly stamps: readonly PackedRaster[];
}

export function writeSampleSet({ images, stamps }: SampleSet): string {
  const file: SampleFile = {
    images: images.map(({ raster, count }) => ({ ...pack(raster), count })),
    stamps: stamps.map(pack),
  };
  return JSON.stringify(file);
}

export function readSampleSet(text: string): SampleSet {
  const file = JSON.parse(text) as SampleFile;
  return {
    images: file.images.map((image) => ({ raster: unpack(image), count: image.count })),
    stamps: file.stamps.map(unpack),
  };
}

function pack({ data, width, channels }: Raster): PackedRaster {
  return { side: width, channels, pixels: toBase64Url(packBits(data)) };
}

function unpack({ side, channels, pixels }: PackedRaster): Raster {
  const data = unpackBits(fromBase64Url(pixels), side * side * channels);
  return { data, width: side, height: side, channels };
}
