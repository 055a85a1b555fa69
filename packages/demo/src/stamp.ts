/** Ready-made objects to drop into a picture. */
import type { Point } from "./brush.js";
import type { Raster } from "./raster.js";

/** Adds the stamp around `centre`, clipping at white and at the picture's border. */
export function pasteStamp(raster: Raster, stamp: Raster, centre: Point): void {
  const { channels } = raster;
  if (stamp.channels !== channels) {
    throw new RangeError(`A stamp of ${stamp.channels} channels does not fit a picture of ${channels}`);
  }
  const left = Math.round(centre.x - stamp.width / 2);
  const top = Math.round(centre.y - stamp.height / 2);
  for (let row = 0; row < stamp.height; row++) {
    for (let column = 0; column < stamp.width; column++) {
      const x = left + column;
      const y = top + row;
      if (x < 0 || y < 0 || x >= raster.width || y >= raster.height) continue;
      for (let c = 0; c < channels; c++) {
        // The clamped array clips the sum.
        raster.data[(y * raster.width + x) * channels + c]! += stamp.data[(row * stamp.width + column) * channels + c]!;
      }
    }
  }
}
