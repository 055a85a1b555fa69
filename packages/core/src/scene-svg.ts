/** Draws what a model finds in a picture as SVG, for a page or a file: boxes over the picture. */
import type { ObjectSummary } from "./scene.js";
import type { Box } from "./where.js";

/** A picture's size with the objects in it, such as a `PictureScene`. */
export interface BoxedScene {
  /** Pixels in a row of the picture. */
  readonly width: number;
  /** Number of rows of the picture. */
  readonly height: number;
  /** The objects, whose `tightBox` is drawn. */
  readonly objects: readonly Pick<ObjectSummary, "tightBox" | "score">[];
}

/** Options of {@link sceneSvg}. */
export interface SvgOptions {
  /**
   * The picture below the boxes: the address of a file, such as `plate.png` or a `data:` URL, or the bytes of a PNG, JPEG or WebP file,
   * which become a part of the SVG. By default the boxes lie on nothing.
   */
  readonly image?: string | Uint8Array | undefined;
  /** Colour of the boxes, as in CSS; `#e69f00` by default. */
  readonly colour?: string | undefined;
  /** Whether each box has its object's number, false by default. */
  readonly numbers?: boolean | undefined;
}

/** Width of the lines in pixels of the picture: one for each so many of its longer side, at least 1. */
const LINE_SHARE = 600;

/**
 * Draws the tight boxes of a scene as an SVG image of the picture's size. A box has the object's score as its title, which browsers show
 * under the pointer.
 *
 * @throws {RangeError} for bytes that are no PNG, JPEG or WebP file
 */
export function sceneSvg(scene: BoxedScene, { image, colour = "#e69f00", numbers = false }: SvgOptions = {}): string {
  const { width, height, objects } = scene;
  const line = Math.max(1, Math.round(Math.max(width, height) / LINE_SHARE));
  const href = image === undefined || typeof image === "string" ? image : dataUrl(image);
  const below = href === undefined ? "" : `<image href="${escaped(href)}" width="${width}" height="${height}"/>`;
  const boxes = objects.map(({ tightBox, score }, i) => {
    const title = `<title>object ${i + 1}, score ${score.toFixed(3)}</title>`;
    return `<rect ${placeOf(tightBox)}>${title}</rect>${numbers ? numberOf(i + 1, tightBox, line) : ""}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    below,
    `<g fill="none" stroke="${escaped(colour)}" stroke-width="${line}">`,
    ...boxes,
    "</g>",
    "</svg>",
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function placeOf({ xmin, ymin, xmax, ymax }: Box): string {
  return `x="${short(xmin)}" y="${short(ymin)}" width="${short(xmax - xmin)}" height="${short(ymax - ymin)}"`;
}

function numberOf(number: number, { xmin, ymin }: Box, line: number): string {
  const size = 8 * line;
  return `<text x="${short(xmin)}" y="${short(ymin - line)}" font-size="${size}" font-family="sans-serif" fill="currentColor" stroke="none">${number}</text>`;
}

/** A number with at most two decimals. */
function short(value: number): string {
  return String(Number(value.toFixed(2)));
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replaceAll(/[&<>"]/g, (character) => names[character]!);
}

/** First bytes of the formats that every browser shows. */
const formats: readonly (readonly [type: string, start: RegExp])[] = [
  ["image/png", /^\x89PNG/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/webp", /^RIFF.{4}WEBP/s],
];

/** Characters that are made of bytes in one call: more would not fit on the stack. */
const PIECE = 2 ** 13;

function dataUrl(bytes: Uint8Array): string {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const type = formats.find(([, signature]) => signature.test(start))?.[0];
  if (type === undefined) throw new RangeError("The image of an SVG must be a PNG, JPEG or WebP file, or its address");
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) pieces.push(String.fromCharCode(...bytes.subarray(at, at + PIECE)));
  return `data:${type};base64,${btoa(pieces.join(""))}`;
}
