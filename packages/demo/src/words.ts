/** Describes what is on the page in words, for readers and for screen readers. */
import type { Box, Scene } from "@air-onnx/core";
import type { Device } from "@air-onnx/runtime-web";
import type { ModelEntry } from "./model-list.js";
import { FEWEST_PICTURES } from "./own-images.js";

/** What is said of an image that is not typical of the model's training data. */
export const UNLIKE = "Unlike anything it was trained on: a guess.";

/** Says what was done to a picture from outside so that the model can take it; empty if nothing. */
export function fittingInWords({
  isInverted,
  isEvened,
}: {
  readonly isInverted: boolean;
  readonly isEvened: boolean;
}): string {
  if (isInverted && isEvened) return "Dark on bright: inverted, and the shading of its ground taken away.";
  if (isInverted) return "Dark on bright: inverted.";
  return isEvened ? "Its ground was not black: taken away." : "";
}

/** Says that the drawing was inferred at a share of its size. */
export function zoomInWords(zoom: number): string {
  return `Looked at from further away, at ${Math.round(100 * zoom)} % of its size: that explains it better.`;
}

/** Gives a sentence its full stop, unless it has an end. */
export function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

export function countObjects(count: number): string {
  if (count === 0) return "No objects";
  return count === 1 ? "1 object" : `${count} objects`;
}

/** Names the third of the image, in each direction, where a box's centre is: "upper left", "centre", …. */
export function placeInWords({ xmin, xmax, ymin, ymax }: Box, imageSize: number): string {
  const third = (low: number, high: number, names: readonly [string, string, string]) =>
    names[Math.min(Math.max(Math.floor(((low + high) / 2 / imageSize) * 3), 0), 2)]!;
  const words = [third(ymin, ymax, ["upper", "", "lower"]), third(xmin, xmax, ["left", "", "right"])].filter(Boolean);
  if (words.length === 0) return "centre";
  if (words[0] === "upper" && words.length === 1) return "top";
  if (words[0] === "lower" && words.length === 1) return "bottom";
  return words.join(" ");
}

/** Formats a probability: 0.1234 → "12 %", without a line break. Only certain values become 0 % or 100 %. */
export function shareInWords(probability: number): string {
  if (probability === 0 || probability === 1) return `${100 * probability}\u00a0%`;
  if (probability < 0.0005) return "<\u00a00.1\u00a0%";
  if (probability > 0.9995) return ">\u00a099.9\u00a0%";
  if (probability < 0.0995 || probability > 0.9905) return `${(100 * probability).toFixed(1)}\u00a0%`;
  return `${Math.round(100 * probability)}\u00a0%`;
}

/** Names the side of a window: "17 px". */
export function sideInWords({ xmin, xmax }: Box): string {
  return `${Math.round(xmax - xmin)}\u00a0px`;
}

/** Names the width and height of a box: "12 × 17 px". */
export function sizeInWords({ xmin, xmax, ymin, ymax }: Box): string {
  return `${Math.round(xmax - xmin)}\u00a0×\u00a0${Math.round(ymax - ymin)}\u00a0px`;
}

/** "2 objects: 1 upper left, 12 × 17 px, > 99.9 % sure; 2 …" */
export function sceneInWords(scene: Pick<Scene, "count" | "objects" | "typical">, imageSize: number): string {
  const unlike = scene.typical === false ? ` ${UNLIKE}` : "";
  if (scene.count === 0) return `No objects.${unlike}`;
  const objects = scene.objects.map(
    ({ tightBox, presence }, i) =>
      `${i + 1} ${placeInWords(tightBox, imageSize)}, ${sizeInWords(tightBox)}${presence < 1 ? `, ${shareInWords(presence)} sure` : ""}`,
  );
  return `${countObjects(scene.count)}: ${objects.join("; ")}.${unlike}`;
}

/** Formats a number of bytes, in powers of ten. */
export function bytesInWords(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Describes the images that a model takes, and how well it counts. */
export function aboutModel({ name, bytes, imageSize, channels, maxSteps, countAccuracy }: ModelEntry): string {
  const images = `${name} (${bytesInWords(bytes)}): ${imageSize}×${imageSize} pixels${channels === 3 ? " in colour" : ""}, up to ${countObjects(maxSteps)}`;
  return countAccuracy === undefined
    ? `${images}.`
    : `${images}; ${shareInWords(countAccuracy)} of unseen images counted right.`;
}

export function deviceName(device: Device): string {
  return device === "webgpu" ? "WebGPU" : "WebAssembly";
}

/** Most names of files in a sentence. */
const NAMED = 5;

/** Says what became of the files that a visitor chose to train on. */
export function filesInWords({
  size,
  bad,
  left,
  inverted,
  evened,
  side,
}: {
  /** Number of images that can be used. */
  readonly size: number;
  /** Names of files that are no images. */
  readonly bad: readonly string[];
  /** Number of files that were too many. */
  readonly left: number;
  /** Numbers of images that were dark on bright, and of others whose ground was not black. */
  readonly inverted: number;
  readonly evened: number;
  readonly side: number;
}): string {
  const images = (count: number): string => (count === 1 ? "1 image" : `${count.toLocaleString("en")} images`);
  const said = [
    size >= FEWEST_PICTURES
      ? `${images(size)}, scaled to ${side}×${side} pixels and grey.`
      : `${images(size)} can be used: training needs at least ${FEWEST_PICTURES}.`,
  ];
  if (inverted > 0) said.push(`Dark on bright, so inverted: ${inverted.toLocaleString("en")}.`);
  if (evened > 0) said.push(`Ground taken away: ${evened.toLocaleString("en")}.`);
  if (left > 0) said.push(`Too many, so left out: the last ${left.toLocaleString("en")}.`);
  if (bad.length > 0) {
    const more = bad.length > NAMED ? ` and ${(bad.length - NAMED).toLocaleString("en")} more` : "";
    said.push(`No images that this browser can read: ${bad.slice(0, NAMED).join(", ")}${more}.`);
  }
  return said.join(" ");
}
