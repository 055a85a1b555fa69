/** The readers of photographs: JPEG, WebP and TIFF by sharp, for data sets and for `AirModel.infer`. */
import assert from "node:assert/strict";
import { ImageError } from "@air-onnx/core";
import sharp, { type Sharp } from "sharp";
import { readPicture } from "../../../packages/runtime-node/src/read-picture.js";
import { DataError, FileError } from "../../../packages/scenes/src/errors.js";
import { decodePicture } from "../../../packages/scenes/src/files/picture.js";
import { mutate } from "../mutations.js";
import { type Reader, SOURCE } from "../reader.js";

const SIDE = 12;

/** A picture with `channels` channels, of 8 bits, or 16. */
function raw(channels: 1 | 3 | 4, isDeep = false): Sharp {
  const length = SIDE * SIDE * channels;
  const options = { raw: { width: SIDE, height: SIDE, channels } };
  if (!isDeep)
    return sharp(
      Uint8Array.from({ length }, (_, i) => (i * 37) % 256),
      options,
    );
  return sharp(
    Uint16Array.from({ length }, (_, i) => (i * 9973) % 65536),
    options,
  );
}

async function pictureFiles(): Promise<Record<"JPEG" | "WebP" | "TIFF" | "PNG", Buffer[]>> {
  const all = (pictures: readonly Sharp[]): Promise<Buffer[]> =>
    Promise.all(pictures.map((picture) => picture.toBuffer()));
  return {
    JPEG: await all([
      raw(1).jpeg({ quality: 60 }),
      raw(3).jpeg({ progressive: true }),
      raw(3).withMetadata({ orientation: 6 }).jpeg(),
    ]),
    WebP: await all([raw(3).webp({ lossless: true }), raw(4).webp({ quality: 40 })]),
    TIFF: await all([
      raw(1).toColourspace("b-w").tiff({ compression: "none" }),
      raw(3).tiff({ compression: "lzw", predictor: "horizontal" }),
      raw(3).tiff({ compression: "deflate", tile: true, tileWidth: 16, tileHeight: 16 }),
      raw(1, true).toColourspace("grey16").tiff({ compression: "none" }),
    ]),
    PNG: await all([raw(3).png(), raw(1, true).toColourspace("grey16").png({ progressive: true })]),
  };
}

export async function pictureReaders(): Promise<Reader[]> {
  const files = await pictureFiles();
  const damages = [mutate];
  const cost = 8;
  const forSets = (["JPEG", "WebP", "TIFF"] as const).map(
    (format): Reader => ({
      name: `${format} of a data set`,
      corpus: files[format],
      damages,
      typedErrors: [FileError, DataError],
      named: SOURCE,
      cost,
      async read(file) {
        const { width, height, channels, data } = await decodePicture(file, SOURCE);
        assert.equal(data.length, width * height * channels);
      },
    }),
  );
  const forInference: Reader = {
    name: "picture for infer",
    corpus: Object.values(files).flat(),
    damages,
    typedErrors: [ImageError],
    named: "image 7",
    cost,
    async read(file) {
      const { width, height, channels = 1, data } = await readPicture(file, 7);
      assert.equal(data.length, width * height * channels);
    },
  };
  return [...forSets, forInference];
}
