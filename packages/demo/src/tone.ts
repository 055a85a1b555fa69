/** Converts a model's intensities, `[C, side, side]`, to RGBA pixels for the screen. */

/** Converts intensities: 1 is white, values outside [0, 1] are clipped, one channel is shown grey. */
export function intensityToRgba(
  planes: ArrayLike<number>,
  channels: number,
  side: number,
): Uint8ClampedArray<ArrayBuffer> {
  const plane = side * side;
  const rgba = new Uint8ClampedArray(4 * plane);
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let c = 0; c < 3; c++) rgba[4 * pixel + c] = 255 * planes[Math.min(c, channels - 1) * plane + pixel]!;
    rgba[4 * pixel + 3] = 255;
  }
  return rgba;
}

/** Colours of a residual: orange where something is not explained yet, blue where too much was drawn. */
const UNEXPLAINED = [255, 176, 64] as const;
const OVERDRAWN = [72, 150, 255] as const;

/** Converts differences in [-1, 1]; of several channels the one with the largest difference is shown. */
export function differenceToRgba(
  planes: ArrayLike<number>,
  channels: number,
  side: number,
): Uint8ClampedArray<ArrayBuffer> {
  const plane = side * side;
  const rgba = new Uint8ClampedArray(4 * plane);
  for (let pixel = 0; pixel < plane; pixel++) {
    let largest = 0;
    for (let c = 0; c < channels; c++) {
      const value = planes[c * plane + pixel]!;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    const colour = largest > 0 ? UNEXPLAINED : OVERDRAWN;
    for (let c = 0; c < 3; c++) rgba[4 * pixel + c] = Math.abs(largest) * colour[c]!;
    rgba[4 * pixel + 3] = 255;
  }
  return rgba;
}

export function subtract(a: ArrayLike<number>, b: ArrayLike<number>): Float32Array {
  return Float32Array.from({ length: a.length }, (_, i) => a[i]! - b[i]!);
}
