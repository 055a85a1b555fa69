/**
 * The smallest ONNX model that shows whether a device works: `y = Relu(x)` for one number. It is written byte by byte in
 * the protobuf wire format: a field is (number << 3 | type) and its value, which is a varint for type 0 and a length with
 * that many bytes for type 2. Field numbers are those of onnx.proto (IR version 8, opset 13).
 */

const VARINT = 0;
const BYTES = 2;

const integer = (field: number, value: number): number[] => [(field << 3) | VARINT, value];
const message = (field: number, content: readonly number[]): number[] => [
  (field << 3) | BYTES,
  content.length,
  ...content,
];
const text = (field: number, content: string): number[] => message(field, [...new TextEncoder().encode(content)]);

/** ValueInfoProto: a float32 tensor of shape [1]. */
const oneNumber = (name: string): number[] => {
  const shape = message(1, integer(1, 1)); // TensorShapeProto.dim { dim_value: 1 }
  const tensorType = [...integer(1, 1), ...message(2, shape)]; // TypeProto.Tensor { elem_type: FLOAT, shape }
  return [...text(1, name), ...message(2, message(1, tensorType))]; // { name, type { tensor_type } }
};

const node = [...text(1, "x"), ...text(2, "y"), ...text(4, "Relu")]; // NodeProto { input, output, op_type }
const graph = [
  ...message(1, node),
  ...text(2, "probe"), // name
  ...message(11, oneNumber("x")), // input
  ...message(12, oneNumber("y")), // output
];

/** Bytes of an ONNX model with the input `x` and the output `y = Relu(x)`, both float32 of shape `[1]`. */
export const probeModel = Uint8Array.from([
  ...integer(1, 8), // ir_version
  ...message(8, integer(2, 13)), // opset_import { version }
  ...message(7, graph),
]);
