/** Takes the values of constants out of a serialised model, and puts values in: so one file serves any weights. */
import { type Field, fieldsOf, join, messageField, type Pieces, readText } from "./onnx-message.js";

/** Numbers of fields in onnx.proto. */
const GRAPH = 7;
const INITIALIZER = 5;
const TENSOR_NAME = 8;
const RAW_DATA = 9;

/**
 * The model without the values of some constants; their names, types and shapes stay. It cannot run until
 * {@link withConstantValues} puts values in.
 *
 * @throws {RangeError} if `model` is not a serialised model, or has none of these constants
 */
export function withoutConstantValues(model: Uint8Array, names: ReadonlySet<string>): Uint8Array<ArrayBuffer> {
  return replaced(model, names, (fields) =>
    fields.filter(({ number }) => number !== RAW_DATA).map(({ bytes }) => bytes),
  );
}

/**
 * The model with the given values of some constants.
 *
 * @param values float32 values by the names of the constants, in row-major order; the caller knows their shapes
 * @throws {RangeError} if `model` is not a serialised model, or lacks one of these constants
 */
export function withConstantValues(
  model: Uint8Array,
  values: ReadonlyMap<string, Float32Array>,
): Uint8Array<ArrayBuffer> {
  return replaced(model, new Set(values.keys()), (fields, name) => {
    const { buffer, byteOffset, byteLength } = values.get(name)!;
    const others = fields.filter(({ number }) => number !== RAW_DATA).map(({ bytes }) => bytes);
    // ONNX raw data is little-endian, as are all machines that Node.js and browsers run on.
    return [...others, ...messageField(RAW_DATA, [new Uint8Array(buffer, byteOffset, byteLength)])];
  });
}

function replaced(
  model: Uint8Array,
  names: ReadonlySet<string>,
  tensorOf: (fields: readonly Field[], name: string) => Pieces,
): Uint8Array<ArrayBuffer> {
  const missing = new Set(names);
  const initializer = (field: Field): Pieces => {
    const fields = fieldsOf(field.value);
    const label = fields.find(({ number }) => number === TENSOR_NAME);
    const name = label && readText(label.value);
    if (name === undefined || !names.has(name)) return [field.bytes];
    missing.delete(name);
    return messageField(INITIALIZER, tensorOf(fields, name));
  };
  const pieces = fieldsOf(model).flatMap((field): Pieces => {
    if (field.number !== GRAPH) return [field.bytes];
    const graph = fieldsOf(field.value).flatMap((inner) =>
      inner.number === INITIALIZER ? initializer(inner) : [inner.bytes],
    );
    return messageField(GRAPH, graph);
  });
  if (missing.size > 0) throw new RangeError(`The model has no constant ${[...missing].join(", ")}`);
  return join(pieces);
}
