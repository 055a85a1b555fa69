/** A soft ellipse: the shape of a cell or a colony, a little out of focus. */

/** Size, direction and edge of an ellipse. */
export interface SoftEllipse {
  /** Longer diameter, pixels, between the points where the edge has half of its level. */
  readonly length: number;
  /** Shorter diameter, pixels. */
  readonly width: number;
  /** Direction of the longer diameter from the x axis, radians. */
  readonly angle: number;
  /** Intensity inside, 0..255. */
  readonly level: number;
  /** Distance over which the edge falls from `level` to 0, pixels. */
  readonly fade: number;
}

/** Side of the smallest patch that holds the whole ellipse, pixels. */
export function sideOfEllipse({ length, fade }: SoftEllipse): number {
  return Math.ceil(length + fade);
}

/** Draws an ellipse into the middle of the first side² of `pixels`. */
export function drawEllipse(ellipse: SoftEllipse, side: number, pixels: Uint8Array): void {
  const { length, width, angle, level, fade } = ellipse;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const middle = (side - 1) / 2;
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [column - middle, row - middle];
      const along = (2 * (cos * x + sin * y)) / length;
      const across = (2 * (cos * y - sin * x)) / width;
      const radius = Math.sqrt(along ** 2 + across ** 2);
      // The edge is measured along the ray through the pixel, so that it fades over as many pixels in every direction.
      const distance = radius === 0 ? width / 2 : (Math.sqrt(x ** 2 + y ** 2) * (1 - radius)) / radius;
      const inside = Math.min(Math.max(0.5 + distance / fade, 0), 1);
      pixels[row * side + column] = Math.round(level * inside * inside * (3 - 2 * inside));
    }
  }
}
