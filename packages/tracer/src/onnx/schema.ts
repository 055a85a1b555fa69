/**
 * The part of the ONNX protocol buffer schema that a traced model uses, written from the ONNX IR specification
 * (https://onnx.ai/onnx/repo-docs/IR.html), and its encoding through protobufjs. Field names are ONNX's, in camel case.
 */
import protobuf from "protobufjs";

const ONNX_PROTO = `
syntax = "proto3";
package onnx;

message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message StringStringEntryProto { string key = 1; string value = 2; }

message TensorProto {
  repeated int64 dims = 1;
  int32 data_type = 2;
  repeated float float_data = 4;
  repeated int32 int32_data = 5;
  repeated int64 int64_data = 7;
  string name = 8;
  bytes raw_data = 9;
}

message TensorShapeProto {
  message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
  repeated Dimension dim = 1;
}
message TypeProto {
  message Tensor { int32 elem_type = 1; TensorShapeProto shape = 2; }
  oneof value { Tensor tensor_type = 1; }
}
message ValueInfoProto { string name = 1; TypeProto type = 2; string doc_string = 3; }

message AttributeProto {
  string name = 1;
  float f = 2;
  int64 i = 3;
  bytes s = 4;
  TensorProto t = 5;
  GraphProto g = 6;
  repeated float floats = 7;
  repeated int64 ints = 8;
  int32 type = 20;
}
message NodeProto {
  repeated string input = 1;
  repeated string output = 2;
  string name = 3;
  string op_type = 4;
  repeated AttributeProto attribute = 5;
  string doc_string = 6;
  string domain = 7;
}
message GraphProto {
  repeated NodeProto node = 1;
  string name = 2;
  repeated TensorProto initializer = 5;
  string doc_string = 10;
  repeated ValueInfoProto input = 11;
  repeated ValueInfoProto output = 12;
  repeated ValueInfoProto value_info = 13;
}
message ModelProto {
  int64 ir_version = 1;
  string producer_name = 2;
  string producer_version = 3;
  string domain = 4;
  int64 model_version = 5;
  string doc_string = 6;
  GraphProto graph = 7;
  repeated OperatorSetIdProto opset_import = 8;
  repeated StringStringEntryProto metadata_props = 14;
}
`;

/** TensorProto.DataType of types in which weights can be stored; no value of a traced graph has one. */
export const storedDataType = { int8: 3, float16: 10 } as const;

/**
 * Element types that a traced graph can hold, by their numbers in TensorProto.DataType. Of float64 are only values between nodes, where
 * tfjs computes places in doubles.
 */
export const tensorDataType = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float64: 11 } as const;
/** Name of an element type that a traced graph can hold. */
export type OnnxDType = keyof typeof tensorDataType;

/** Types of attributes, by their numbers in AttributeProto.AttributeType. */
export const attributeType = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const;

/** A constant of a graph. */
export interface TensorProto {
  /** Shape. */
  dims: number[];
  /** Element type, a number of TensorProto.DataType. */
  dataType: number;
  /** Name of the value. */
  name: string;
  /** Values in row-major order, little-endian. */
  rawData: Uint8Array;
}
/** Name, type and shape of a graph's input or output. */
export interface ValueInfoProto {
  /** Name of the value. */
  name: string;
  /** Element type and shape; a `dimParam` is a symbolic dimension. */
  type: { tensorType: { elemType: number; shape: { dim: ({ dimValue: number } | { dimParam: string })[] } } };
  /** What the value is, for people. */
  docString?: string;
}
/** An attribute of a node; `type` says which of the other members holds the value. */
export interface AttributeProto {
  /** Name of the attribute. */
  name: string;
  /** Type of the value, a number of AttributeProto.AttributeType. */
  type: number;
  /** Value of a float. */
  f?: number;
  /** Value of an integer. */
  i?: number;
  /** Value of a string, in UTF-8. */
  s?: Uint8Array;
  /** Value of a graph. */
  g?: GraphProto;
  /** Value of a list of floats. */
  floats?: number[];
  /** Value of a list of integers. */
  ints?: number[];
}
/** An application of an operator. */
export interface NodeProto {
  /** Names of the inputs; empty for an optional input that is absent. */
  input: string[];
  /** Names of the outputs. */
  output: string[];
  /** Name of the node. */
  name: string;
  /** Name of the operator. */
  opType: string;
  /** Attributes of the operator. */
  attribute: AttributeProto[];
}
/** A graph of a model, or the body of a control-flow operator. */
export interface GraphProto {
  /** Name of the graph. */
  name: string;
  /** Nodes in an order in which they can run. */
  node: NodeProto[];
  /** Constants. */
  initializer: TensorProto[];
  /** Inputs. */
  input: ValueInfoProto[];
  /** Outputs. */
  output: ValueInfoProto[];
  /** What the graph computes, for people. */
  docString?: string;
}
/** An ONNX model as plain data; members that a file lacks are empty or absent. */
export interface ModelProto {
  /** Version of the ONNX IR. */
  irVersion: number;
  /** Name of the program that wrote the model. */
  producerName: string;
  /** Version of that program. */
  producerVersion: string;
  /** Description of the model. */
  docString: string;
  /** The model's graph. */
  graph: GraphProto;
  /** Operator sets that the model uses, with their versions. */
  opsetImport: { domain: string; version: number }[];
  /** Further properties of the model. */
  metadataProps: { key: string; value: string }[];
}

const modelType = protobuf.parse(ONNX_PROTO).root.lookupType("onnx.ModelProto");

/** Serialises a model. */
export function encodeModel(model: ModelProto): Uint8Array {
  return modelType.encode(modelType.fromObject(model)).finish();
}

/**
 * Parses a serialised model. Integers come back as numbers, absent fields as empty.
 *
 * @throws {Error} if `bytes` is not a serialised ONNX model
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  let message: protobuf.Message;
  try {
    message = modelType.decode(bytes);
  } catch (cause) {
    throw new Error(`Not an ONNX model: ${String(cause)}`, { cause });
  }
  return modelType.toObject(message, { longs: Number, arrays: true, defaults: false }) as ModelProto;
}
