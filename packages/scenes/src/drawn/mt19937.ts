/**
 * NumPy's legacy `RandomState`: the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), with the same numbers as
 * `np.random.seed`, `randint` and `randn`, draw for draw. The published multi-MNIST is defined by it. Everything new
 * uses the counter-based streams of @air-onnx/core.
 */

const N = 624;
const M = 397;

/** A random generator with the numbers of `np.random.RandomState`. */
export class LegacyRandomState {
  readonly #state = new Uint32Array(N);
  #position = N;
  #spareGaussian: number | undefined;

  /**
   * Seeds the generator, as `np.random.RandomState(seed)` does.
   *
   * @throws {RangeError} unless `seed` is an integer from 0 to 2³² - 1
   */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new RangeError(`A legacy NumPy seed is an integer from 0 to 2^32 - 1, got ${seed}`);
    }
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < N; i++) {
      const previous = state[i - 1]!;
      state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** Draws the next 32 bits, as an integer in [0, 2³²). */
  uint32(): number {
    if (this.#position === N) this.#twist();
    let y = this.#state[this.#position++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  /** Draws a number in [0, 1) with 53 random bits, as `random_sample()` does. */
  double(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /**
   * Draws an integer in [0, high), as `randint(high)` does: 32-bit draws are masked and rejected; `randint(1)` draws nothing.
   *
   * @throws {RangeError} unless `high` is an integer from 1 to 2³²
   */
  randint(high: number): number {
    if (!Number.isInteger(high) || high < 1 || high > 2 ** 32) {
      throw new RangeError(`randint needs an integer from 1 to 2^32, got ${high}`);
    }
    const largest = high - 1;
    if (largest === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(largest);
    for (;;) {
      const draw = (this.uint32() & mask) >>> 0;
      if (draw <= largest) return draw;
    }
  }

  /**
   * Draws from N(0, 1), as `randn()` does: by Marsaglia's polar method, which makes two numbers and keeps one for the next
   * call. The last bit may differ from NumPy's, because the logarithms of mathematics libraries differ there.
   */
  randn(): number {
    const spare = this.#spareGaussian;
    if (spare !== undefined) {
      this.#spareGaussian = undefined;
      return spare;
    }
    for (;;) {
      const x = 2 * this.double() - 1;
      const y = 2 * this.double() - 1;
      const squared = x * x + y * y;
      if (squared >= 1 || squared === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(squared)) / squared);
      this.#spareGaussian = factor * x;
      return factor * y;
    }
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % N]! & 0x7fffffff);
      state[i] = state[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#position = 0;
  }
}
