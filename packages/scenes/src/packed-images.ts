/**
 * Images without their black areas. Most pixels of drawn scenes are black: the 60,000 images of multi-mnist take a tenth of
 * their 150 MB. Writing an image back takes less time than copying all of its pixels.
 *
 * An image is a sequence of runs, each of them a number of black values to skip (a byte), a number of values (a byte) and
 * the values; two zeros end it.
 */

/** Bytes of memory that is taken at a time. */
const BLOCK_BYTES = 2 ** 20;
/** Most values that a run skips or has. */
const MOST = 255;
/** Zeros in a row that end a run: fewer take less memory within it than the head of a new one. */
const ENDING_ZEROS = 3;

/** A list of images, all of them with the same number of values. */
export class PackedImages {
  /** Number of values of an image. */
  readonly pixels: number;
  readonly #blockBytes: number;
  /** Most bytes of one image: it does not grow by more than its runs' heads, one in 255 values. */
  readonly #mostBytes: number;
  readonly #blocks: Uint8Array[] = [];
  /** Places of the images, counted through all blocks. */
  readonly #starts: Float64Array;
  #size = 0;
  #end = 0;

  /**
   * Makes a list without images.
   *
   * @param pixels number of values of an image
   * @param most number of images for which there is room
   */
  constructor(pixels: number, most: number) {
    this.pixels = pixels;
    this.#starts = new Float64Array(most);
    this.#mostBytes = pixels + 2 * Math.ceil(pixels / MOST) + 4;
    this.#blockBytes = Math.max(BLOCK_BYTES, this.#mostBytes);
  }

  /** Number of images. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that hold the images. */
  get byteLength(): number {
    return this.#blocks.length * this.#blockBytes;
  }

  /**
   * Appends a copy of `image`, `[pixels]`.
   *
   * @throws {RangeError} if it has another number of values, or the list is full
   */
  add(image: Uint8Array): void {
    this.#checkLength(image);
    if (this.#size === this.#starts.length) throw new RangeError(`There is room for ${this.#size} images only`);
    const bytes = this.#room();
    const start = this.#end % this.#blockBytes;
    let out = start;
    let done = 0;
    for (let at = afterZeros(image, 0); at < image.length; at = afterZeros(image, at)) {
      let skip = at - done;
      for (; skip > MOST; skip -= MOST) {
        bytes[out++] = MOST;
        bytes[out++] = 0;
      }
      done = runEnd(image, at);
      bytes[out++] = skip;
      bytes[out++] = done - at;
      while (at < done) bytes[out++] = image[at++]!;
    }
    bytes[out++] = 0;
    bytes[out++] = 0;
    this.#starts[this.#size++] = this.#end;
    this.#end += out - start;
  }

  /**
   * Writes image `index` into `target`, `[pixels]`.
   *
   * @throws {RangeError} if there is no such image, or `target` has another length
   */
  unpack(index: number, target: Uint8Array): void {
    this.#checkLength(target);
    let [bytes, at] = this.#place(index);
    target.fill(0);
    let to = 0;
    for (;;) {
      const skip = bytes[at++]!;
      const length = bytes[at++]!;
      if (skip === 0 && length === 0) return;
      to += skip;
      for (const end = to + length; to < end; to++) target[to] = bytes[at++]!;
    }
  }

  /**
   * Writes image `index` into `target`, `[pixels]`, with each value v replaced by `levels[v]`.
   *
   * @param levels 256 numbers, the first of which is 0
   * @throws {RangeError} as {@link unpack}
   */
  unpackLevels(index: number, levels: Float32Array, target: Float32Array): void {
    this.#checkLength(target);
    let [bytes, at] = this.#place(index);
    target.fill(0);
    let to = 0;
    for (;;) {
      const skip = bytes[at++]!;
      const length = bytes[at++]!;
      if (skip === 0 && length === 0) return;
      to += skip;
      for (const end = to + length; to < end; to++) target[to] = levels[bytes[at++]!]!;
    }
  }

  /** The block where the next image begins. No image lies in two. */
  #room(): Uint8Array {
    const used = this.#end % this.#blockBytes;
    if (this.#end === this.byteLength || used + this.#mostBytes > this.#blockBytes) {
      this.#end = this.byteLength;
      this.#blocks.push(new Uint8Array(this.#blockBytes));
    }
    return this.#blocks.at(-1)!;
  }

  #place(index: number): [block: Uint8Array, at: number] {
    if (!Number.isInteger(index) || index < 0 || index >= this.#size)
      throw new RangeError(`There is no image ${index} among ${this.#size}`);
    const start = this.#starts[index]!;
    const block = Math.floor(start / this.#blockBytes);
    return [this.#blocks[block]!, start - block * this.#blockBytes];
  }

  #checkLength({ length }: { readonly length: number }): void {
    if (length !== this.pixels) throw new RangeError(`An image has ${this.pixels} values, not ${length}`);
  }
}

/** The first place from `at` on whose value is not zero; the length if there is none. */
function afterZeros(image: Uint8Array, at: number): number {
  const { length } = image;
  while (at < length && image[at] === 0) at++;
  return at;
}

/** The end of the run that begins at `at`. */
function runEnd(image: Uint8Array, at: number): number {
  const limit = Math.min(image.length, at + MOST);
  let end = at + 1;
  for (let i = end; i < limit && i - end < ENDING_ZEROS; i++) if (image[i] !== 0) end = i + 1;
  return end;
}
