/** Reads pictures for `AirModel.infer`: files, addresses, and what shows a picture in a page. The browser decodes them. */
import { downloadPicture, ImageError, notAPicture, type Picture, pictureLimits } from "@air-onnx/core";

/** A picture file: its URL, relative to the page, or its bytes. What the browser can show can be read. */
export type PictureFile = string | URL | Blob | Uint8Array<ArrayBuffer> | ArrayBuffer;

/** What shows a picture, or holds one. */
export type PictureElement = HTMLImageElement | HTMLCanvasElement | OffscreenCanvas | ImageBitmap;

/** Whatever `AirModel.infer` takes one picture from: a file, an element, or pixels such as `ImageData`. */
export type PictureSource = PictureFile | PictureElement | Picture;

/**
 * Reads one picture. Pixels are returned as they are.
 *
 * @param index number of the picture, for error messages
 * @throws {ImageError} for a picture that cannot be fetched, decoded or read, or is too large
 * @throws the signal's reason, when aborted
 */
export async function readPicture(source: PictureSource, index: number, signal?: AbortSignal): Promise<Picture> {
  signal?.throwIfAborted();
  if (typeof source === "object" && source !== null && "data" in source) return source;
  const name = typeof source === "string" || source instanceof URL ? `(${String(source).slice(0, 200)}) ` : "";
  try {
    return await pixelsOf(source, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(`${name}cannot be read: ${reason}`, index, { cause });
  }
}

async function pixelsOf(source: PictureFile | PictureElement, signal: AbortSignal | undefined): Promise<ImageData> {
  if (isCanvas(source) || isBitmap(source)) return draw(source, source.width, source.height);
  if (typeof HTMLImageElement !== "undefined" && source instanceof HTMLImageElement) {
    await source.decode();
    return draw(source, source.naturalWidth, source.naturalHeight);
  }
  const bitmap = await createImageBitmap(await blobOf(source as PictureFile, signal));
  try {
    return draw(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

// Workers have no elements, and old browsers no canvas without one.
function isCanvas(source: unknown): source is HTMLCanvasElement | OffscreenCanvas {
  return (
    (typeof HTMLCanvasElement !== "undefined" && source instanceof HTMLCanvasElement) ||
    (typeof OffscreenCanvas !== "undefined" && source instanceof OffscreenCanvas)
  );
}

function isBitmap(source: unknown): source is ImageBitmap {
  return typeof ImageBitmap !== "undefined" && source instanceof ImageBitmap;
}

async function blobOf(source: PictureFile, signal: AbortSignal | undefined): Promise<Blob> {
  const blob = await (async (): Promise<Blob> => {
    if (source instanceof Blob) return source;
    if (source instanceof Uint8Array || source instanceof ArrayBuffer) return new Blob([source]);
    if (typeof source !== "string" && !(source instanceof URL)) throw notAPicture(source);
    return new Blob([await downloadPicture(source, signal)]);
  })();
  if (blob.size > pictureLimits.bytes) {
    throw new Error(`it has ${blob.size} bytes, and may have ${pictureLimits.bytes}`);
  }
  return blob;
}

/** The pixels of a picture, by a canvas of its size. */
function draw(source: PictureElement, width: number, height: number): ImageData {
  if (width * height > pictureLimits.pixels)
    throw new Error(`it is ${width}x${height}, at most ${pictureLimits.pixels} pixels are read`);
  if (width === 0 || height === 0) throw new Error("it has no pixels");
  const context = contextOf(width, height);
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height);
}

function contextOf(width: number, height: number): CanvasDrawImage & CanvasImageData {
  // Read back at once: a canvas on the GPU would only be copied.
  const settings: CanvasRenderingContext2DSettings = { willReadFrequently: true };
  const canvas =
    typeof OffscreenCanvas === "undefined" ? document.createElement("canvas") : new OffscreenCanvas(width, height);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", settings);
  // Other kinds of contexts are not what "2d" gives.
  if (!context || !("getImageData" in context)) throw new Error("this browser gives no canvas to read pixels with");
  return context;
}
