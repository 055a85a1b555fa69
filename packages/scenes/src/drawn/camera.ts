/**
 * A camera behind a microscope or above a plate: it makes a grey image of the light that objects add or take away, with uneven
 * illumination and shot noise.
 */
import type { RandomStream } from "@air-onnx/core/random";

/** The conditions under which one image is taken. */
export interface Exposure {
  /** Whether objects are darker than their ground. */
  readonly dark: boolean;
  /** Intensity of the evenly lit ground, in [0, 1]. */
  readonly ground: number;
  /** Difference between the ground and an object of full level, in [0, 1]. */
  readonly contrast: number;
  /** Share of the illumination that is lost at the point farthest from `centre`, in [0, 1); 0 for even light. */
  readonly shade: number;
  /** Place of the brightest light, x and y as shares of the image's side. */
  readonly centre: readonly [x: number, y: number];
  /** Number of photons that an intensity of 1 stands for. The noise has the variance intensity / photons. */
  readonly photons: number;
}

/** The ranges, `[least, below]`, of all that {@link drawExposure} draws. */
export interface ExposureRanges {
  readonly dark: boolean;
  readonly ground: readonly [number, number];
  readonly contrast: readonly [number, number];
  /** Range of `shade` in the half of the images that is lit unevenly; the other half has none. */
  readonly shade: readonly [number, number];
  readonly photons: readonly [number, number];
}

/** Draws a number uniformly. */
export function between(random: RandomStream, [least, below]: readonly [number, number]): number {
  return least + (below - least) * random.uniform();
}

/** Draws an exposure: whether the light is uneven, then shade, centre x and y, ground, contrast and photons. */
export function drawExposure(random: RandomStream, ranges: ExposureRanges): Exposure {
  const uneven = random.integer(2) === 1;
  const shade = between(random, ranges.shade);
  return {
    dark: ranges.dark,
    shade: uneven ? shade : 0,
    centre: [random.uniform(), random.uniform()],
    ground: between(random, ranges.ground),
    contrast: between(random, ranges.contrast),
    photons: between(random, ranges.photons),
  };
}

/**
 * Takes the image.
 *
 * @param levels sum of the objects' levels, 0..255, `[side, side]`
 * @param noise source of the shot noise, one normal number for each pixel
 * @param image receives the intensities, 0..255, `[side, side]`
 */
export function takeImage(
  levels: ArrayLike<number>,
  side: number,
  { dark, ground, contrast, shade, centre, photons }: Exposure,
  noise: RandomStream,
  image: Uint8Array,
): void {
  const [cx, cy] = [centre[0] * side, centre[1] * side];
  const farthest = Math.max(cx, side - cx) ** 2 + Math.max(cy, side - cy) ** 2;
  const sign = dark ? -contrast : contrast;
  const normals = noise.fillNormal(new Float32Array(side * side));
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const light = 1 - (shade * ((x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2)) / farthest;
      const intensity = light * (ground + (sign * levels[i]!) / 255);
      const noisy = intensity + Math.sqrt(Math.max(0, intensity) / photons) * normals[i]!;
      image[i] = Math.round(255 * Math.min(Math.max(noisy, 0), 1));
    }
  }
}
