/**
 * A link that holds the state of the page: the model, the exact drawing, and the latents of the edited scene as integers.
 *
 * Its form is `#model=NAME&image=PIXELS&scene=LATENTS`. Pixels (PackBits) and latents are base64url. The latents are 16-bit
 * little-endian integers, object by object: (s, x, y), then z_what.
 */
import type { AirConfig, ObjectLatents, SceneLatents } from "@air-onnx/core";
import { fromBase64Url, toBase64Url } from "./base64url.js";
import { packBits, unpackBits } from "./packbits.js";
import { blankRaster, type Raster } from "./raster.js";

/** Fields of the fragment of a URL; image and scene are decoded when the model's form is known. */
export interface Permalink {
  readonly model?: string;
  readonly image?: string;
  readonly scene?: string;
}

/** z_where in steps of 1/512 within ±64: a hundredth of a pixel, and windows down to a fraction of one. */
const WHERE_STEP = 512;
/** z_what, which is nearly always within ±4, in steps of 1/4096 within ±8. */
const WHAT_STEP = 4096;

export function readPermalink(hash: string): Permalink {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const pick = (name: "model" | "image" | "scene") => {
    const value = fields.get(name);
    return value === null ? {} : { [name]: value };
  };
  return { ...pick("model"), ...pick("image"), ...pick("scene") };
}

export function writePermalink(link: Permalink): string {
  return `#${new URLSearchParams({ ...link })}`;
}

export function encodeRaster(raster: Raster): string {
  return toBase64Url(packBits(raster.data));
}

/** @throws {RangeError} if the text does not hold a picture of this form */
export function decodeRaster(text: string, form: Pick<AirConfig, "imageSize" | "channels">): Raster {
  const blank = blankRaster(form);
  return { ...blank, data: unpackBits(fromBase64Url(text), blank.data.length) };
}

export function encodeScene({ objects }: SceneLatents): string {
  const values = objects.flatMap(({ zWhere, zWhat }) => [
    ...zWhere.map((value) => quantise(value, WHERE_STEP)),
    ...Array.from(zWhat, (value) => quantise(value, WHAT_STEP)),
  ]);
  const bytes = new DataView(new ArrayBuffer(2 * values.length));
  values.forEach((value, i) => {
    bytes.setInt16(2 * i, value, true);
  });
  return toBase64Url(new Uint8Array(bytes.buffer));
}

/** @throws {RangeError} if the text does not hold whole objects with codes of this size */
export function decodeScene(text: string, { zWhatSize }: Pick<AirConfig, "zWhatSize">): SceneLatents {
  const bytes = fromBase64Url(text);
  const view = new DataView(bytes.buffer);
  const perObject = 3 + zWhatSize;
  const count = bytes.length / (2 * perObject);
  if (!Number.isInteger(count)) throw new RangeError("The scene in this link belongs to another model");
  const read = (index: number, step: number) => view.getInt16(2 * index, true) / step;
  const objects = Array.from({ length: count }, (_, i): ObjectLatents => {
    const first = i * perObject;
    const zWhere = [read(first, WHERE_STEP), read(first + 1, WHERE_STEP), read(first + 2, WHERE_STEP)] as const;
    if (zWhere[0] <= 0) throw new RangeError("The scene in this link has an object without a size");
    return { zWhere, zWhat: Float32Array.from({ length: zWhatSize }, (_, z) => read(first + 3 + z, WHAT_STEP)) };
  });
  return { objects };
}

/** Rounds a scene's latents to those that its link holds. */
export function snapScene(scene: SceneLatents, config: Pick<AirConfig, "zWhatSize">): SceneLatents {
  return decodeScene(encodeScene(scene), config);
}

function quantise(value: number, step: number): number {
  return Math.min(Math.max(Math.round(value * step), -32768), 32767);
}
