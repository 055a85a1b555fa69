/** Changes to bytes, as fast-check draws and shrinks them. */
import fc from "fast-check";

/** One change: its kind, its place and a value. Each number is taken modulo the number of possibilities. */
export type Mutation = readonly [kind: number, place: number, value: number];

export const mutationLists: fc.Arbitrary<Mutation[]> = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), {
  minLength: 1,
  maxLength: 4,
});

/** Lengths, counts and offsets at which readers go wrong. */
const EDGES = [0, 1, 2, 7, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

type Change = (bytes: Buffer, place: number, value: number) => Buffer;

const CHANGES: readonly Change[] = [
  // Flips a bit.
  (bytes, place, value) => withByte(bytes, place, bytes[place]! ^ (1 << (value % 8))),
  // Sets a byte.
  (bytes, place, value) => withByte(bytes, place, value),
  // Sets a number of four bytes, in either byte order.
  (bytes, place, value) => {
    const changed = Buffer.from(bytes);
    const edge = EDGES[value % EDGES.length]!;
    if (place + 4 <= bytes.length) value % 2 ? changed.writeUInt32BE(edge, place) : changed.writeUInt32LE(edge, place);
    return changed;
  },
  // Cuts the end off.
  (bytes, place) => bytes.subarray(0, place),
  // Removes bytes.
  (bytes, place, value) => Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1 + (value % 64))]),
  // Repeats bytes.
  (bytes, place, value) => Buffer.concat([bytes.subarray(0, place + (value % 64)), bytes.subarray(place)]),
  // Inserts bytes.
  (bytes, place, value) =>
    Buffer.concat([bytes.subarray(0, place), Buffer.alloc(1 + (value % 64), value), bytes.subarray(place)]),
  // Changes a digit of a text, as in the headers of arrays.
  (bytes, place, value) => {
    const digit = bytes.findIndex((byte, i) => i >= place && byte >= 0x30 && byte <= 0x39);
    return digit === -1 ? bytes : withByte(bytes, digit, 0x30 + (value % 10));
  },
];

export function mutate(bytes: Uint8Array, mutations: readonly Mutation[]): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (const [kind, place, value] of mutations) {
    if (changed.length > 0) changed = CHANGES[kind % CHANGES.length]!(changed, place % changed.length, value);
  }
  return changed;
}

function withByte(bytes: Buffer, place: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[place] = value;
  return changed;
}
