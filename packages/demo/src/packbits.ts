/**
 * PackBits compression (Apple; TIFF 6.0, section 9): a run of equal bytes takes two bytes, other bytes are copied. Drawings
 * are mostly black, so they shrink to a few hundred bytes without a library.
 */
const LONGEST = 128;

export function packBits(bytes: Uint8Array | Uint8ClampedArray): Uint8Array {
  const packed: number[] = [];
  let start = 0;
  while (start < bytes.length) {
    let run = 1;
    while (run < LONGEST && bytes[start + run] === bytes[start] && start + run < bytes.length) run++;
    if (run > 1) {
      packed.push(257 - run, bytes[start]!);
      start += run;
      continue;
    }
    let end = start + 1;
    // A run of two inside a literal would save nothing.
    while (
      end < bytes.length &&
      end - start < LONGEST &&
      !(bytes[end] === bytes[end + 1] && bytes[end] === bytes[end + 2])
    ) {
      end++;
    }
    packed.push(end - start - 1, ...bytes.subarray(start, end));
    start = end;
  }
  return Uint8Array.from(packed);
}

/** @throws {RangeError} unless `packed` unpacks to exactly `length` bytes */
export function unpackBits(packed: Uint8Array, length: number): Uint8ClampedArray<ArrayBuffer> {
  const bytes = new Uint8ClampedArray(length);
  let to = 0;
  let from = 0;
  while (from < packed.length) {
    const header = packed[from++]!;
    if (header === 128) continue;
    const isRun = header > 128;
    const count = isRun ? 257 - header : header + 1;
    const needed = isRun ? 1 : count;
    if (to + count > length || from + needed > packed.length) throw new RangeError("The packed bytes are damaged");
    if (isRun) bytes.fill(packed[from]!, to, to + count);
    else bytes.set(packed.subarray(from, from + count), to);
    from += needed;
    to += count;
  }
  if (to !== length) throw new RangeError(`The packed bytes hold ${to}, not ${length}`);
  return bytes;
}
