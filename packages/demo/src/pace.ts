/** Measures the speed of inference: the median of the latest durations, and the frames of the last second. */
const REMEMBERED = 60;

export interface Pace {
  /** Median of the latest durations, ms. */
  readonly milliseconds: number;
  /** Frames that ended within the last second; 0 while nothing is drawn. */
  readonly framesPerSecond: number;
}

export class PaceMeter {
  readonly #durations: number[] = [];
  readonly #ends: number[] = [];

  /**
   * Adds a frame.
   *
   * @param start start of the frame, ms on the same clock as `end`
   */
  add(start: number, end: number): void {
    this.#durations.push(end - start);
    this.#ends.push(end);
    if (this.#durations.length > REMEMBERED) this.#durations.shift();
    while (this.#ends[0]! <= end - 1000) this.#ends.shift();
  }

  /** Undefined before the first frame. */
  read(now: number): Pace | undefined {
    if (this.#durations.length === 0) return undefined;
    return {
      milliseconds: median(this.#durations),
      framesPerSecond: this.#ends.filter((end) => end > now - 1000).length,
    };
  }

  clear(): void {
    this.#durations.length = 0;
    this.#ends.length = 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
