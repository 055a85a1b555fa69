/**
 * Reads the Python objects that NumPy pickles into NPY files (protocols 2 to 5): lists, tuples, dictionaries, numbers, text, and
 * NumPy arrays and numbers of them. It is a reader of data, not Python's machine: nothing that a file names is ever called, and
 * a file that names anything but the parts of NumPy's own arrays is refused.
 *
 * Source: Python's Lib/pickletools.py, which describes every opcode.
 */
import { type NpyData, numbersFrom } from "./npy.js";

/** An array, of numbers or of other objects. */
export class PickledArray {
  shape: readonly number[] = [];
  values: NpyData | readonly Pickled[] = [];
}

/** A Python object that was read. Tuples are lists; dictionaries are maps. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Pickled[]
  | Map<Pickled, Pickled>
  | PickledArray
  | PickledType
  | Name;

/** The type of an array's elements. */
class PickledType {
  order = "<";
  constructor(readonly kind: string) {}

  get descr(): string {
    return this.order + this.kind;
  }
}

/** A name of Python that a file refers to. */
class Name {
  constructor(readonly path: string) {}
}

type Fail = (reason: string) => never;

/** What the parts of NumPy's arrays are called, in all versions of NumPy. */
const RECONSTRUCT = /^numpy\.(core|_core)\.multiarray\._reconstruct$/;
const SCALAR = /^numpy\.(core|_core)\.multiarray\.scalar$/;
const DTYPE = "numpy.dtype";
const ARRAY = "numpy.ndarray";
/** By which Python 2's protocol writes bytes: text, each letter a byte. */
const ENCODE = "_codecs.encode";

/** Most characters of the name of a type, such as `i8`. */
const MAX_TYPE_NAME = 32;
/**
 * How many times its size the arrays that are made of a file may have together. Whatever it has once, such as a text, it may name
 * again and again with two bytes each, and each time an array is made of it.
 */
const MOST_COPIES = 8;
/** Bytes that arrays may have whatever the size. */
const FREE_BYTES = 2 ** 16;

/** Where a list, tuple or dictionary begins on the stack. */
const MARK = Symbol("mark");

/**
 * Reads one pickled object.
 *
 * @param fail throws an error with the given reason
 */
export function unpickle(bytes: Uint8Array, fail: Fail): Pickled {
  return new Unpickler(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), fail).read();
}

class Unpickler {
  readonly #bytes: Buffer;
  readonly #fail: Fail;
  readonly #stack: (Pickled | typeof MARK)[] = [];
  readonly #memo = new Map<number, Pickled>();
  #at = 0;
  /** Bytes of the arrays that were made. */
  #made = 0;

  /** What each opcode does, by its byte. */
  readonly #steps: ReadonlyMap<string, () => unknown> = new Map<string, () => unknown>([
    // The version of the protocol, and the length of a frame.
    ["\x80", () => this.#take(1)],
    ["\x95", () => this.#take(8)],
    ["(", () => this.#stack.push(MARK)],
    ["0", () => this.#pop()],
    ["N", () => this.#push(null)],
    ["\x88", () => this.#push(true)],
    ["\x89", () => this.#push(false)],
    ["K", () => this.#push(this.#unsigned(1))],
    ["M", () => this.#push(this.#unsigned(2))],
    ["J", () => this.#push(this.#take(4).readInt32LE())],
    ["\x8a", () => this.#push(this.#long(this.#unsigned(1)))],
    ["G", () => this.#push(this.#take(8).readDoubleBE())],
    ["\x8c", () => this.#push(this.#text(1))],
    ["X", () => this.#push(this.#text(4))],
    ["C", () => this.#push(this.#take(this.#unsigned(1)))],
    ["B", () => this.#push(this.#take(this.#unsigned(4)))],
    ["\x94", () => this.#memo.set(this.#memo.size, this.#top())],
    ["q", () => this.#memo.set(this.#unsigned(1), this.#top())],
    ["r", () => this.#memo.set(this.#unsigned(4), this.#top())],
    ["h", () => this.#push(this.#recall(this.#unsigned(1)))],
    ["j", () => this.#push(this.#recall(this.#unsigned(4)))],
    ["]", () => this.#push([])],
    [")", () => this.#push([])],
    ["}", () => this.#push(new Map())],
    ["\x85", () => this.#push(this.#last(1))],
    ["\x86", () => this.#push(this.#last(2))],
    ["\x87", () => this.#push(this.#last(3))],
    ["t", () => this.#push(this.#marked())],
    ["a", () => this.#append(this.#last(1))],
    ["e", () => this.#append(this.#marked())],
    ["s", () => this.#set(this.#last(2))],
    ["u", () => this.#set(this.#marked())],
    ["c", () => this.#push(new Name(`${this.#line()}.${this.#line()}`))],
    ["\x93", () => this.#push(this.#name(this.#last(2)))],
    ["R", () => this.#push(this.#reduced())],
    ["b", () => this.#build()],
  ]);

  constructor(bytes: Buffer, fail: Fail) {
    this.#bytes = bytes;
    this.#fail = fail;
  }

  read(): Pickled {
    for (;;) {
      const opcode = String.fromCharCode(this.#take(1)[0]!);
      if (opcode === ".") return this.#pop();
      const step = this.#steps.get(opcode);
      if (!step) {
        const code = opcode.charCodeAt(0).toString(16);
        return this.#fail(`its Python objects are of a kind that is not read (opcode 0x${code})`);
      }
      step();
    }
  }

  /** Makes the parts of NumPy's arrays. */
  #reduced(): Pickled {
    const given = this.#list(this.#pop());
    const name = this.#pop();
    if (!(name instanceof Name)) return this.#damaged();
    const [first, second] = given;
    if (RECONSTRUCT.test(name.path) && first instanceof Name && first.path === ARRAY) return new PickledArray();
    if (name.path === DTYPE && typeof first === "string") {
      return first.length <= MAX_TYPE_NAME ? new PickledType(first) : this.#damaged();
    }
    if (name.path === ENCODE && typeof first === "string") {
      this.#make(first.length);
      return Buffer.from(first, "latin1");
    }
    if (SCALAR.test(name.path) && first instanceof PickledType && second instanceof Uint8Array) {
      return this.#numbers(second, first)[0] ?? this.#damaged();
    }
    return this.#fail(`its Python objects need ${name.path.slice(0, 100)}, which is not read`);
  }

  /** Sets the state of the parts of NumPy's arrays. */
  #build(): void {
    const state = this.#list(this.#pop());
    const target = this.#top();
    if (target instanceof PickledType) {
      // The state of a type begins with a version and the byte order.
      const order = state[1];
      if (order === "<" || order === ">" || order === "|" || order === "=") target.order = order;
    } else if (target instanceof PickledArray) this.#fillArray(target, state);
    else this.#damaged();
  }

  #fillArray(target: PickledArray, [, shape, type, isFortran, content]: readonly Pickled[]): void {
    const sizes = this.#list(shape).map((size) =>
      typeof size === "number" && Number.isInteger(size) && size >= 0 ? size : this.#damaged(),
    );
    if (isFortran === true && sizes.length > 1) this.#fail("its Python objects have an array in Fortran order");
    target.shape = sizes;
    target.values =
      content instanceof Uint8Array && type instanceof PickledType ? this.#numbers(content, type) : this.#list(content);
    if (target.values.length !== sizes.reduce((product, size) => product * size, 1)) this.#damaged();
  }

  #numbers(bytes: Uint8Array, { descr }: PickledType): NpyData {
    const size = Number(/\d+$/.exec(descr)?.[0] ?? 0);
    if (size > 0 && bytes.length % size !== 0) this.#damaged();
    this.#make(bytes.length);
    return numbersFrom(Uint8Array.from(bytes), descr, this.#fail);
  }

  /** Counts the bytes of a new array. */
  #make(bytes: number): void {
    this.#made += bytes;
    if (this.#made > FREE_BYTES + MOST_COPIES * this.#bytes.length) {
      this.#fail("its Python objects have far more in arrays than the file has");
    }
  }

  #name([module, name]: readonly Pickled[]): Name {
    return typeof module === "string" && typeof name === "string" ? new Name(`${module}.${name}`) : this.#damaged();
  }

  #append(items: readonly Pickled[]): void {
    const list = this.#list(this.#top());
    for (const item of items) list.push(item);
  }

  #set(items: readonly Pickled[]): void {
    const top = this.#top();
    const map: Map<Pickled, Pickled> = top instanceof Map ? top : this.#damaged();
    if (items.length % 2 === 1) this.#damaged();
    for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  }

  #list(value: Pickled | undefined): Pickled[] {
    return Array.isArray(value) ? value : this.#damaged();
  }

  #marked(): Pickled[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) return this.#damaged();
    return this.#stack.splice(at).slice(1) as Pickled[];
  }

  /** Takes so many values off the stack, the deepest first. */
  #last(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  #push(value: Pickled): void {
    this.#stack.push(value);
  }

  #pop(): Pickled {
    const value = this.#stack.pop();
    return value === undefined || value === MARK ? this.#damaged() : (value as Pickled);
  }

  #top(): Pickled {
    const value = this.#stack.at(-1);
    return value === undefined || value === MARK ? this.#damaged() : (value as Pickled);
  }

  #recall(index: number): Pickled {
    const value = this.#memo.get(index);
    return value === undefined ? this.#damaged() : value;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) this.#damaged();
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  #unsigned(length: 1 | 2 | 4): number {
    return this.#take(length).readUIntLE(0, length);
  }

  #long(length: number): number {
    if (length > 6) this.#fail("its Python objects have an integer of more than 48 bits");
    return length === 0 ? 0 : this.#take(length).readIntLE(0, length);
  }

  #text(lengthBytes: 1 | 4): string {
    return this.#take(this.#unsigned(lengthBytes)).toString("utf8");
  }

  #line(): string {
    const end = this.#bytes.indexOf("\n", this.#at);
    if (end < 0) return this.#damaged();
    return this.#take(end + 1 - this.#at)
      .toString("utf8")
      .slice(0, -1);
  }

  #damaged(): never {
    return this.#fail("its Python objects are damaged");
  }
}
