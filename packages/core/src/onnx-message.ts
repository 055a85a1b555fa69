/**
 * ONNX models as what they are on disk: protocol buffer messages, which are lists of numbered fields. Enough to take a
 * model apart and to put its parts into another, without a copy of the weights and without knowing every field.
 *
 * Wire format: a field is the varint (number << 3 | type) and its value; of type 0 that is a varint, of type 2 a length
 * and as many bytes, of types 1 and 5 eight and four bytes. Field numbers are those of onnx.proto.
 */

export const VARINT = 0;
const EIGHT_BYTES = 1;
export const BYTES = 2;
const FOUR_BYTES = 5;

/**
 * Most bytes of a varint, as protobuf's own readers have it: of a key or a length, and of a number. What they read in
 * another way must not be read here at all.
 */
const KEY_BYTES = 5;
const NUMBER_BYTES = 10;

/** Bytes in pieces, which are joined once, at the end. */
export type Pieces = readonly Uint8Array[];

export interface Field {
  readonly number: number;
  /** The value; of a message, text or tensor its bytes without the length. */
  readonly value: Uint8Array;
  /** The whole field as it stands in the message. */
  readonly bytes: Uint8Array;
}

/** Where a field is in its message. */
export interface WireField {
  readonly number: number;
  /** Wire type: {@link VARINT}, {@link BYTES} or one of fixed size. */
  readonly type: number;
  /** Of the whole field. */
  readonly start: number;
  /** Of its value, without the length, and the end of both. */
  readonly begin: number;
  readonly end: number;
}

/**
 * The fields of a message, as views of it.
 *
 * @throws {RangeError} if `message` is not one
 */
export function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  walkFields(message, ({ number, start, begin, end }) => {
    fields.push({ number, value: message.subarray(begin, end), bytes: message.subarray(start, end) });
  });
  return fields;
}

/**
 * Calls `visit` with each field of a message, in order.
 *
 * @throws {RangeError} if `message` is not one
 */
export function walkFields(message: Uint8Array, visit: (field: WireField) => void): void {
  for (let at = 0; at < message.length; ) {
    const start = at;
    const key = readVarint(message, at, KEY_BYTES);
    const number = Math.floor(key.value / 8);
    const type = key.value % 8;
    if (number === 0 || key.value >= 2 ** 32) throw notMessage(`a field of number ${number} at byte ${start}`);
    let begin = key.end;
    let end: number;
    switch (type) {
      case VARINT:
        end = readVarint(message, begin, NUMBER_BYTES).end;
        break;
      case EIGHT_BYTES:
        end = begin + 8;
        break;
      case FOUR_BYTES:
        end = begin + 4;
        break;
      case BYTES: {
        const length = readVarint(message, begin, KEY_BYTES);
        begin = length.end;
        end = begin + length.value;
        break;
      }
      default:
        throw notMessage(`a field of wire type ${type} at byte ${start}`);
    }
    if (end > message.length) throw notMessage("it ends within a field");
    visit({ number, type, start, begin, end });
    at = end;
  }
}

function readVarint(message: Uint8Array, begin: number, mostBytes: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  for (let at = begin; at < message.length; at++) {
    if (at === begin + mostBytes) throw notMessage(`a number of more than ${mostBytes} bytes at byte ${begin}`);
    const byte = message[at]!;
    value += (byte & 127) * scale;
    if (byte < 128) return { value, end: at + 1 };
    scale *= 128;
  }
  throw notMessage("it ends within a number");
}

function notMessage(reason: string): RangeError {
  return new RangeError(`not a protocol buffer message: ${reason}`);
}

export function readText(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

export function join(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(sizeOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

function sizeOf(pieces: Pieces): number {
  return pieces.reduce((size, piece) => size + piece.length, 0);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

/** A field that holds a non-negative integer. */
export function integer(field: number, value: number): Pieces {
  return [Uint8Array.from([...varint((field << 3) | VARINT), ...varint(value)])];
}

/** A field that holds a message. */
export function message(field: number, content: Pieces): Pieces {
  return [Uint8Array.from([...varint((field << 3) | BYTES), ...varint(sizeOf(content))]), ...content];
}

export function text(field: number, content: string): Pieces {
  return message(field, [new TextEncoder().encode(content)]);
}

/** TensorProto.DataType. */
export const elementType = { float32: 1, int64: 7, bool: 9 } as const;
type ElementType = keyof typeof elementType;

/** A node's attribute (AttributeProto): an integer or a graph. */
export function attribute(name: string, value: number | Pieces): Pieces {
  const [INT, GRAPH] = [2, 5];
  if (typeof value === "number") return message(5, [...text(1, name), ...integer(3, value), ...integer(20, INT)]);
  return message(5, [...text(1, name), ...message(6, value), ...integer(20, GRAPH)]);
}

/** A field of a graph that holds a node (NodeProto), which is called like its first output. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Pieces[] = [],
): Pieces {
  return message(1, [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(3, `${outputs[0]}/${op}`),
    ...text(4, op),
    ...attributes.flat(),
  ]);
}

/** A field of a graph that holds a constant (TensorProto). */
export function constant(
  name: string,
  type: ElementType,
  shape: readonly number[],
  data: Float32Array | BigInt64Array | Uint8Array,
): Pieces {
  // ONNX raw data is little-endian, as are all machines that Node.js and browsers run on.
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(5, [
    ...shape.flatMap((side) => integer(1, side)),
    ...integer(2, elementType[type]),
    ...text(8, name),
    ...message(9, [raw]),
  ]);
}

/** The name, type and shape of an input (field 11 of a graph) or output (field 12); texts are symbolic dimensions. */
export function valueInfo(
  field: 11 | 12,
  name: string,
  type: ElementType,
  shape: readonly (number | string)[],
): Pieces {
  const dimensions = shape.flatMap((side) => message(1, typeof side === "number" ? integer(1, side) : text(2, side)));
  const tensor = [...integer(1, elementType[type]), ...message(2, dimensions)];
  return message(field, [...text(1, name), ...message(2, message(1, tensor))]);
}
