/**
 * Reads and writes serialised ONNX models as protocol buffer messages, which are lists of numbered fields. It can take a
 * model apart and put its parts into another model, without copying the weights and without knowing every field.
 *
 * Wire format: a field is the varint (number << 3 | type) followed by its value. A value of type 0 is a varint; of type
 * 2, a length and that many bytes; of type 1, eight bytes; of type 5, four bytes. Field numbers are those of onnx.proto.
 */

/** Wire type of integers. */
export const VARINT = 0;
const EIGHT_BYTES = 1;
/** Wire type of messages, texts and tensors' data. */
export const BYTES = 2;
const FOUR_BYTES = 5;

/**
 * Most bytes of a varint: of a key or length, and of a number. These are the limits of protobuf's own readers. A longer
 * varint is an error, because those readers could read it differently.
 */
const KEY_BYTES = 5;
const NUMBER_BYTES = 10;

/** Bytes in pieces; {@link join} puts them together once, at the end. */
export type Pieces = readonly Uint8Array[];

/** A field of a message. */
export interface Field {
  /** Number of the field in onnx.proto. */
  readonly number: number;
  /** Bytes of the value, without the length that precedes those of a message, text or tensor. */
  readonly value: Uint8Array;
  /** Bytes of the whole field. */
  readonly bytes: Uint8Array;
}

/** Position of a field in its message. */
export interface WireField {
  /** Number of the field in onnx.proto. */
  readonly number: number;
  /** Wire type: {@link VARINT}, {@link BYTES} or one of fixed size. */
  readonly type: number;
  /** Offset of the first byte of the field. */
  readonly start: number;
  /** Offset of the first byte of the value, after the length if it has one. */
  readonly begin: number;
  /** Offset after the last byte of the value, which is also the end of the field. */
  readonly end: number;
}

/**
 * Splits a message into its fields, which are views of it.
 *
 * @throws {RangeError} if `message` is not a protocol buffer message
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
 * @throws {RangeError} if `message` is not a protocol buffer message
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

/** Decodes the value of a text field. */
export function readText(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

/** Joins pieces into one array. */
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

/** Writes a field that holds a non-negative integer. */
export function integerField(field: number, value: number): Pieces {
  return [Uint8Array.from([...varint((field << 3) | VARINT), ...varint(value)])];
}

/** Writes a field that holds a message. */
export function messageField(field: number, content: Pieces): Pieces {
  return [Uint8Array.from([...varint((field << 3) | BYTES), ...varint(sizeOf(content))]), ...content];
}

/** Writes a field that holds a text. */
export function textField(field: number, content: string): Pieces {
  return messageField(field, [new TextEncoder().encode(content)]);
}

/** Element types of tensors, by their numbers in TensorProto.DataType. */
export const elementType = { float32: 1, int64: 7, bool: 9 } as const;
type ElementType = keyof typeof elementType;

/** Writes the attribute of a node (AttributeProto), which is an integer or a graph. */
export function attribute(name: string, value: number | Pieces): Pieces {
  const [INT, GRAPH] = [2, 5];
  if (typeof value === "number")
    return messageField(5, [...textField(1, name), ...integerField(3, value), ...integerField(20, INT)]);
  return messageField(5, [...textField(1, name), ...messageField(6, value), ...integerField(20, GRAPH)]);
}

/** Writes the attribute of a node (AttributeProto), which is a float32 number. */
export function floatAttribute(name: string, value: number): Pieces {
  const [FLOAT, FIELD] = [1, 2];
  const bytes = new Uint8Array(Float32Array.of(value).buffer);
  const field = Uint8Array.from([(FIELD << 3) | FOUR_BYTES, ...bytes]);
  return messageField(5, [...textField(1, name), field, ...integerField(20, FLOAT)]);
}

/** Writes the field of a graph that holds a node (NodeProto). The node's name consists of its first output and its operator. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Pieces[] = [],
): Pieces {
  return messageField(1, [
    ...inputs.flatMap((name) => textField(1, name)),
    ...outputs.flatMap((name) => textField(2, name)),
    ...textField(3, `${outputs[0]}/${op}`),
    ...textField(4, op),
    ...attributes.flat(),
  ]);
}

/** Writes the field of a graph that holds a constant (TensorProto). */
export function constant(
  name: string,
  type: ElementType,
  shape: readonly number[],
  data: Float32Array | BigInt64Array | Uint8Array,
): Pieces {
  // ONNX raw data is little-endian, as are all machines that Node.js and browsers run on.
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return messageField(5, [
    ...shape.flatMap((side) => integerField(1, side)),
    ...integerField(2, elementType[type]),
    ...textField(8, name),
    ...messageField(9, [raw]),
  ]);
}

/**
 * Writes name, type and shape of an input (field 11 of a graph) or output (field 12).
 *
 * @param shape sides; a text is a symbolic dimension
 */
export function valueInfo(
  field: 11 | 12,
  name: string,
  type: ElementType,
  shape: readonly (number | string)[],
): Pieces {
  const dimensions = shape.flatMap((side) =>
    messageField(1, typeof side === "number" ? integerField(1, side) : textField(2, side)),
  );
  const tensor = [...integerField(1, elementType[type]), ...messageField(2, dimensions)];
  return messageField(field, [...textField(1, name), ...messageField(2, messageField(1, tensor))]);
}
