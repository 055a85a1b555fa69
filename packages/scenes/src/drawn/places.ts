/** Places of objects in an image: uniform, but not so near to each other that one hides another. */
import type { RandomStream } from "@air-onnx/core/random";

/** Positions that are drawn for an object before one too near to another is taken. */
const MAX_TRIES = 100;

/** The places of the objects of one image. */
export class Places {
  readonly #imageSize: number;
  readonly #apart: number;
  readonly #taken: { readonly x: number; readonly y: number; readonly radius: number }[] = [];

  /** @param apart least distance of two centres, as a share of the sum of the radii */
  constructor(imageSize: number, apart: number) {
    this.#imageSize = imageSize;
    this.#apart = apart;
  }

  /** Draws the place, row first, of a patch with an object of mean radius `radius` in its middle. */
  next(random: RandomStream, side: number, radius: number): { readonly x: number; readonly y: number } {
    const positions = this.#imageSize - side + 1;
    for (let tries = 1; ; tries++) {
      const y = random.integer(positions);
      const x = random.integer(positions);
      const place = { x: x + side / 2, y: y + side / 2, radius };
      if (tries < MAX_TRIES && this.#taken.some((other) => this.#areTooNear(place, other))) continue;
      this.#taken.push(place);
      return { x, y };
    }
  }

  #areTooNear(
    a: { readonly x: number; readonly y: number; readonly radius: number },
    b: { readonly x: number; readonly y: number; readonly radius: number },
  ): boolean {
    return (a.x - b.x) ** 2 + (a.y - b.y) ** 2 < (this.#apart * (a.radius + b.radius)) ** 2;
  }
}
