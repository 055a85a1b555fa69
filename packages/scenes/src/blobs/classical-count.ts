/**
 * Counts without a learned model, as programs for microscopy do: smooth, threshold, divide by a watershed of the distance
 * transform, drop what is too small. It is the second opinion beside a model's count, and tells how large objects are.
 *
 * Images have bright objects on 0; core's `preprocessImage` and, for pictures of any size, `preparePicture` make them so.
 */
import type { Box, Planes } from "@air-onnx/core";
import type { ImageForm } from "../scene-set.js";
import { distanceTransform } from "./distance-transform.js";
import { otsuThreshold } from "./threshold.js";
import { type Segments, watershed } from "./watershed.js";

/** What is too small to be an object, and when two touching ones are two. */
export interface ClassicalOptions {
  /** Least area of an object, pixels; default 4. */
  readonly leastArea?: number | undefined;
  /** See `watershed`; default 0.05. */
  readonly prominence?: number | undefined;
}

/** An object found by its pixels. */
export interface Blob {
  /** Smallest rectangle of its pixels. */
  readonly box: Box;
  /** Number of its pixels. */
  readonly area: number;
  /** Whether the edge of the image cuts it. */
  readonly cut: boolean;
}

const LEAST_AREA = 4;
const PROMINENCE = 0.05;
/** Greatest area of a compact part, in areas of the largest disc in it. An ellipse twice as long as wide has 2. */
const COMPACT = 2.6;
/** Bounds of the threshold: in an image without objects, Otsu's lies in the noise, and in one of bright ones it is too high for faint ones. */
const THRESHOLDS = [0.2, 0.45] as const;

/**
 * Finds the objects of one image.
 *
 * @param image intensities in [0, 1], bright objects on 0, `[C, S, S]`
 */
export function classicalCount(
  image: Float32Array,
  { imageSize, channels }: ImageForm,
  options?: ClassicalOptions,
): Blob[] {
  return findBlobs({ data: image, width: imageSize, height: imageSize, channels }, options);
}

/**
 * Finds the objects of a picture of any size, as {@link classicalCount} does.
 *
 * @param picture intensities in [0, 1], bright objects on 0
 */
export function findBlobs(
  picture: Planes,
  { leastArea = LEAST_AREA, prominence = PROMINENCE }: ClassicalOptions = {},
): Blob[] {
  const { width, height } = picture;
  const smooth = smoothed(brightest(picture), width);
  const [least, most] = THRESHOLDS;
  const threshold = Math.min(most, Math.max(least, otsuThreshold(smooth)));
  const mask = Uint8Array.from(smooth, (value) => (value >= threshold ? 1 : 0));
  const heights = smoothed(distanceTransform(mask, width, height), width, mask);
  const whole = watershed(heights, width, height, 1);
  const parts = watershed(heights, width, height, prominence);
  const { labels, count } = splitCompact(whole, parts, heights);
  return measure(labels, count, picture).filter(({ area }) => area >= leastArea);
}

/**
 * The parts of those components that consist of compact parts, and the other components whole: parts of a stroke are no objects.
 * A part is compact if its area is about that of the largest disc in it.
 */
function splitCompact(whole: Segments, parts: Segments, heights: Float32Array): Segments {
  const areas = new Float64Array(whole.count + 1);
  const radii = new Float64Array(parts.count + 1);
  const component = new Int32Array(parts.count + 1);
  parts.labels.forEach((part, i) => {
    if (part === 0) return;
    component[part] = whole.labels[i]!;
    areas[component[part]!]!++;
    radii[part] = Math.max(radii[part]!, heights[i]!);
  });
  const discs = new Float64Array(whole.count + 1);
  radii.forEach((radius, part) => {
    discs[component[part]!]! += Math.PI * radius ** 2;
  });
  const isSplit = areas.map((area, each) => (area <= COMPACT * discs[each]! ? 1 : 0));
  const numbers = new Map<number, number>();
  const labels = parts.labels.map((part) => {
    if (part === 0) return 0;
    // Whole components get negative keys.
    const key = isSplit[component[part]!] ? part : -component[part]!;
    if (!numbers.has(key)) numbers.set(key, numbers.size + 1);
    return numbers.get(key)!;
  });
  return { labels, count: numbers.size };
}

/** The brightest channel of each pixel, `[H, W]`. */
function brightest({ data, width, height, channels }: Planes): Float32Array {
  const plane = width * height;
  const most = data.slice(0, plane);
  for (let c = 1; c < channels; c++) {
    for (let i = 0; i < plane; i++) most[i] = Math.max(most[i]!, data[c * plane + i]!);
  }
  return most;
}

/** Smooths by weights 1, 2, 1 along rows and columns; the edge is repeated. Outside of `mask`, if there is one, all stays 0. */
function smoothed(plane: Float32Array, width: number, mask?: Uint8Array): Float32Array {
  const height = plane.length / width;
  const along = (from: Float32Array, step: number, place: (i: number) => number, length: number): Float32Array =>
    Float32Array.from(from, (value, i) => {
      const before = place(i) > 0 ? from[i - step]! : value;
      const after = place(i) < length - 1 ? from[i + step]! : value;
      return (before + 2 * value + after) / 4;
    });
  const rows = along(plane, 1, (i) => i % width, width);
  const both = along(rows, width, (i) => Math.floor(i / width), height);
  return mask ? both.map((value, i) => (mask[i] ? value : 0)) : both;
}

function measure(
  labels: Int32Array,
  count: number,
  { width, height }: { readonly width: number; readonly height: number },
): Blob[] {
  const blobs = Array.from({ length: count }, () => ({ xmin: width, ymin: height, xmax: 0, ymax: 0, area: 0 }));
  labels.forEach((label, i) => {
    if (label === 0) return;
    const blob = blobs[label - 1]!;
    const [x, y] = [i % width, Math.floor(i / width)];
    blob.xmin = Math.min(blob.xmin, x);
    blob.ymin = Math.min(blob.ymin, y);
    blob.xmax = Math.max(blob.xmax, x + 1);
    blob.ymax = Math.max(blob.ymax, y + 1);
    blob.area++;
  });
  return blobs.map(({ area, ...box }) => ({
    box,
    area,
    cut: box.xmin === 0 || box.ymin === 0 || box.xmax === width || box.ymax === height,
  }));
}
