/** Finds from images alone how they must be preprocessed, so that their objects are bright on 0. */
import { contrastOf, estimateGrounds, type Preprocessing } from "@air-onnx/core";
import { fillBatch, type ImageForm, type ImageSource, pixelsPerImage } from "../scene-set.js";

/** What was found, and why. */
export interface FittedPreprocessing {
  /** Parameters; undefined if the objects are bright on black already. */
  readonly preprocessing: Preprocessing | undefined;
  /** What was seen in the images, one line each. */
  readonly reasons: readonly string[];
}

/** Most images that are looked at; of a larger set, or a stream, so many from its whole length or its beginning. */
const MOST_IMAGES = 100;
/** Intensity up to which a ground is black. */
const BLACK = 2 / 255;
/** Contrast from which objects on black need no preprocessing. */
const BRIGHT = 0.5;
/** Multiples of the noise: a pixel that differs by more is no ground, and one that differs by much more is an object. */
const [GROUND_NOISE, OBJECT_NOISE] = [3, 5];
/** Change of the ground over an image, as a share of the contrast, from which the light is uneven. */
const UNEVEN = 0.1;
const NOISE = 2;
/** Degree of the ground while it is not known whether the light is even, and where it is not. */
const EVEN_OR_NOT = 2;
/** Shares of the images with objects whose contrast lies below the least and the greatest that is kept. */
const CONTRAST_SHARES = [0.1, 0.9] as const;
/** Bounds of the contrast where no object was seen. */
const UNKNOWN_CONTRAST: [number, number] = [0.2, 0.5];

/**
 * Fits a preprocessing to images. It is a pure function of them.
 *
 * @param source at least one image; an endless stream is seen by its first images
 */
export function fitPreprocessing(source: ImageSource): FittedPreprocessing {
  const images = someImages(source, MOST_IMAGES);
  const look = (polarity: Preprocessing["polarity"], backgroundDegree: number): Look[] =>
    images.map((image) => lookAt(image, source, { polarity, backgroundDegree }));
  const all = (side: "light" | "dark") => new Array<"light" | "dark">(source.channels).fill(side);
  const black = blackChannels(images, source);
  if (black.every((each) => each)) {
    const contrasts = contrastsOf(look(all("light"), 0));
    if (contrasts.length > 0 && quantile(contrasts, CONTRAST_SHARES[0]) >= BRIGHT) {
      return {
        preprocessing: undefined,
        reasons: ["The ground is black and the objects are bright: nothing to prepare."],
      };
    }
  }
  const sides = { light: look(all("light"), EVEN_OR_NOT), dark: look(all("dark"), EVEN_OR_NOT) };
  const mass = (side: "light" | "dark", c: number): number =>
    sides[side].reduce((sum, { masses }) => sum + masses[c]!, 0);
  // On the wrong side, the ground itself is what differs.
  const polarity = black.map((isBlack, c) => (isBlack || mass("light", c) <= mass("dark", c) ? "light" : "dark"));
  const uneven = new Set(polarity).size === 1 ? sides[polarity[0]!] : look(polarity, EVEN_OR_NOT);
  const change = quantile(
    uneven.map((each) => each.change),
    0.75,
  );
  const isUneven = change > UNEVEN * (quantile(contrastsOf(uneven), 0.5) || UNKNOWN_CONTRAST[0]);
  const backgroundDegree = isUneven ? EVEN_OR_NOT : 0;
  const contrasts = contrastsOf(isUneven ? uneven : look(polarity, 0));
  const [least, most] = CONTRAST_SHARES;
  const contrast: [number, number] =
    contrasts.length > 0 ? [quantile(contrasts, least), quantile(contrasts, most)] : UNKNOWN_CONTRAST;
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return {
    preprocessing: { backgroundDegree, polarity, contrast, noise: NOISE },
    reasons: [
      `Objects are ${describePolarity(polarity)} than their ground.`,
      isUneven
        ? `The light is uneven: in a quarter of the images the ground changes by ${percent(change)} of the full intensity or more.`
        : "The light is even.",
      contrasts.length > 0
        ? `Objects differ from their ground by ${percent(contrast[0])} to ${percent(contrast[1])} of the full intensity.`
        : "No image shows an object that stands out from the noise.",
    ],
  };
}

/**
 * Some images of a source, `[C, S, S]` each in [0, 1]: all of them if there are at most `most`, else evenly spread ones, or the
 * first ones of a stream.
 */
export function someImages(source: ImageSource, most: number): Float32Array[] {
  const size = Math.min(most, source.size);
  const stride = Number.isFinite(source.size) ? source.size / size : 1;
  return Array.from({ length: size }, (_, i) => {
    const image = new Float32Array(pixelsPerImage(source));
    fillBatch(source, [Math.floor(i * stride)], image);
    return image;
  });
}

/** The value below which a share of the values lies; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.round(share * (ascending.length - 1))] ?? 0;
}

function describePolarity(polarity: readonly ("light" | "dark")[]): string {
  const word = { light: "lighter", dark: "darker" };
  if (new Set(polarity).size === 1) return word[polarity[0]!];
  return polarity.map((each, c) => `${word[each]} in channel ${c}`).join(", ");
}

/** Whether the ground of each channel is black, `[C]`. */
function blackChannels(images: readonly Float32Array[], { channels, imageSize }: ImageForm): boolean[] {
  const plane = imageSize ** 2;
  return Array.from({ length: channels }, (_, c) => {
    const medians = images.map((image) => medianOf(image.subarray(c * plane, (c + 1) * plane)));
    return quantile(medians, 0.5) <= BLACK;
  });
}

/** What is seen of one image. */
interface Look {
  /** What stands out from the ground on the objects' side, summed over the pixels, `[C]`. */
  readonly masses: readonly number[];
  /** Contrast of the image; undefined if it has no object. */
  readonly contrast: number | undefined;
  /** Change of the ground over the image, in the channel where it is largest. */
  readonly change: number;
}

function lookAt(
  image: Float32Array,
  form: ImageForm,
  parameters: Pick<Preprocessing, "polarity" | "backgroundDegree">,
): Look {
  const plane = form.imageSize ** 2;
  const objects: number[] = [];
  const grounds = estimateGrounds(image, form, parameters);
  const masses = grounds.map(({ ground, noise }, c) => {
    const sign = parameters.polarity[c] === "light" ? 1 : -1;
    let mass = 0;
    for (let i = 0; i < plane; i++) {
      const difference = sign * (image[c * plane + i]! - ground[i]!);
      mass += Math.max(0, difference - GROUND_NOISE * noise);
      if (difference > OBJECT_NOISE * noise) objects.push(difference);
    }
    return mass;
  });
  const change = Math.max(...grounds.map(({ ground }) => rangeOf(ground)));
  return { masses, contrast: contrastOf(objects, image.length), change };
}

function contrastsOf(looks: readonly Look[]): number[] {
  return looks.flatMap(({ contrast }) => contrast ?? []);
}

function medianOf(values: Float32Array): number {
  return values.slice().sort()[values.length >> 1]!;
}

function rangeOf(values: Float32Array): number {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return most - least;
}
