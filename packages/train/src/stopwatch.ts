/** The wall time of training: all of it but evaluations, pictures and checkpoints. */
export class Stopwatch {
  #last = performance.now();
  #paused = 0;

  /** Returns the seconds since the last call, or since the stopwatch was made, without those that it was paused. */
  lap(): number {
    const now = performance.now();
    const seconds = (now - this.#last - this.#paused) / 1000;
    this.#last = now;
    this.#paused = 0;
    return seconds;
  }

  /** Does `work`, whose time does not count. */
  async pause<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.#paused += performance.now() - began;
    }
  }
}
