/**
 * Random numbers that are a function of (seed, stream), on every machine: Philox4x32-10, a counter-based generator
 * (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A stream is named by up to three integers, for example (purpose, step). Any stream can be opened at any time without
 * drawing the streams before it, so a resumed run is equal to one that never stopped.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** Name of a stream: up to three integers from 0 to 2³² − 1. Missing ones are 0. */
export type StreamPath =
  | readonly []
  | readonly [number]
  | readonly [number, number]
  | readonly [number, number, number];

/** Random numbers of one stream of a seed. The same seed and path give the same numbers on every machine. */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #path: readonly [number, number, number];
  readonly #block = new Uint32Array(4);
  #counter = 0;
  #used = 4;
  #spareNormal: number | undefined;

  /**
   * @param seed a non-negative safe integer
   * @param path names the stream: non-negative integers below 2³²
   * @throws {RangeError} for a seed or path outside those ranges
   */
  constructor(seed: number, ...path: StreamPath) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`A seed must be an integer from 0 to 2^53 - 1, got ${seed}`);
    }
    for (const part of path) {
      if (!Number.isInteger(part) || part < 0 || part > 0xffffffff) {
        throw new RangeError(`A stream is named by integers from 0 to 2^32 - 1, got ${part}`);
      }
    }
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    this.#path = [path[0] ?? 0, path[1] ?? 0, path[2] ?? 0];
  }

  /** Draws an integer in [0, 2³²). */
  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#block, this.#counter++, this.#path[0], this.#path[1], this.#path[2], this.#key[0], this.#key[1]);
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /** Draws a number in [0, 1) with 32 random bits. */
  uniform(): number {
    return this.uint32() * 2 ** -32;
  }

  /** Draws an integer in [0, bound), without bias. */
  integer(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % bound;
  }

  /** Draws a number from N(0, 1) by the Box–Muller transform. */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = radiusOf(this.uint32());
    const angle = angleOf(this.uint32());
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Fills `target` with numbers in [0, 1) and returns it. Each has 24 random bits, as many as float32 represents exactly. */
  fillUniform(target: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    for (let i = 0; i < target.length; i++) target[i] = (this.uint32() >>> 8) * 2 ** -24;
    return target;
  }

  /** Fills `target` with draws from N(0, 1) and returns it: the numbers that as many calls of {@link normal} return. */
  fillNormal(target: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    const { length } = target;
    const block = this.#block;
    const [p0, p1, p2] = this.#path;
    const [k0, k1] = this.#key;
    let i = 0;
    while (i < length && (this.#spareNormal !== undefined || this.#used !== 4)) target[i++] = this.normal();
    // Whole blocks make four numbers each. Number by number, the calls and the kept state take longer than the arithmetic.
    let counter = this.#counter;
    for (; i + 4 <= length; i += 4) {
      philox4x32(block, counter++, p0, p1, p2, k0, k1);
      const radius = radiusOf(block[0]!);
      const angle = angleOf(block[1]!);
      const nextRadius = radiusOf(block[2]!);
      const nextAngle = angleOf(block[3]!);
      target[i] = radius * Math.cos(angle);
      target[i + 1] = radius * Math.sin(angle);
      target[i + 2] = nextRadius * Math.cos(nextAngle);
      target[i + 3] = nextRadius * Math.sin(nextAngle);
    }
    this.#counter = counter;
    while (i < length) target[i++] = this.normal();
    return target;
  }

  /** Draws a uniformly random permutation of 0..length-1. */
  permutation(length: number): Uint32Array<ArrayBuffer> {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order;
  }
}

/** Radius of the Box–Muller transform from 32 random bits. */
function radiusOf(bits: number): number {
  return Math.sqrt(-2 * Math.log((bits + 0.5) * 2 ** -32));
}

/** Angle of the Box–Muller transform from 32 random bits, radians. */
function angleOf(bits: number): number {
  return 2 * Math.PI * (bits * 2 ** -32);
}

/** Writes the Philox4x32-10 block of counter (c0, c1, c2, c3) under key (k0, k1) into `out`, `[4]`. */
export function philox4x32(
  out: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The upper 32 bits of the product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  // Schoolbook on 16-bit halves; no partial sum exceeds 32 bits, so integer arithmetic suffices throughout.
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) >>> 0;
  const other = (Math.imul(aLow, bHigh) + (middle & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (other >>> 16)) | 0;
}
