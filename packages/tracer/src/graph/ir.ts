/**
 * The traced graph between tfjs and ONNX: values and the nodes that compute them. Knows nothing of how files store them.
 */
import type { Operator } from "../onnx/operators.js";
import type { OnnxDType } from "../onnx/schema.js";

/** Shape of a value: one size per dimension. */
export type Shape = readonly number[];
/** Values of a constant in row-major order; plain integers for int64. */
export type ConstantData = Float32Array | Int32Array | Uint8Array | readonly number[];

/** The properties that all values of a graph have. */
export interface TypedValue {
  /** Position in order of creation; equal traces number their values alike. */
  readonly id: number;
  /** Element type. */
  readonly dtype: OnnxDType;
  /** Shape at the batch size of the first trace. */
  readonly shape: Shape;
}

/** An input of the graph. */
export interface InputValue extends TypedValue {
  /** Marks an input. */
  readonly kind: "input";
  /** Name of the input. */
  readonly name: string;
}

/** A value known while tracing. An int64 constant holds a shape or an index list. */
export interface ConstantValue extends TypedValue {
  /** Marks a constant. */
  readonly kind: "constant";
  /** Values in row-major order. */
  readonly data: ConstantData;
  /** Name of a weight; undefined for all other constants. */
  readonly name: string | undefined;
}

/** A result of a node. */
export interface ResultValue extends TypedValue {
  /** Marks a result. */
  readonly kind: "result";
  /** Node that computes the value. */
  readonly node: Node;
}

/** A value that nodes read or write. */
export type Value = InputValue | ConstantValue | ResultValue;

/** Value of an attribute of an ONNX operator, with its type. */
export type Attribute =
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "ints"; readonly value: readonly number[] };

/** An application of an ONNX operator. */
export interface Node {
  /** ONNX operator of the default domain. */
  readonly op: Operator;
  /** Inputs in the operator's order; undefined for an optional input that is absent. */
  readonly inputs: readonly (Value | undefined)[];
  /** Attributes by name. */
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Results in the operator's order. */
  readonly outputs: readonly ResultValue[];
  /** Name of the tfjs kernel whose lowering wrote the node. */
  readonly kernel: string;
}

/** A traced graph: its inputs, nodes and outputs. */
export interface Graph {
  /** Inputs in order of creation. */
  readonly inputs: readonly InputValue[];
  /** Nodes in an order in which they can run. */
  readonly nodes: readonly Node[];
  /** Outputs by name. */
  readonly outputs: Readonly<Record<string, Value>>;
}

/** A float attribute of an ONNX operator. */
export const float = (value: number): Attribute => ({ type: "float", value });
/** An integer attribute. */
export const int = (value: number): Attribute => ({ type: "int", value });
/** An attribute that lists integers. */
export const ints = (value: readonly number[]): Attribute => ({ type: "ints", value });
/** A string attribute. */
export const text = (value: string): Attribute => ({ type: "string", value });

/** A text that is equal for equal attributes alone. JSON would not do: it writes NaN and the infinities alike. */
export function attributesKey(attributes: Readonly<Record<string, Attribute>>): string {
  return Object.entries(attributes)
    .map(([name, { type, value }]) => `${name}:${type}=${Object.is(value, -0) ? "-0" : String(value)}`)
    .sort()
    .join(";");
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((size, dim) => size * dim, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** Whether two constants hold the same numbers; 0 and -0 are not, NaN and NaN are. */
export function sameData(a: ConstantData, b: ConstantData): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/**
 * The shape that `shapes` broadcast to, by NumPy's rule.
 *
 * @throws {Error} if they do not broadcast
 */
export function broadcastShapes(...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1 || dim === size) continue;
      if (size !== 1) throw new Error(`Shapes ${shapes.map((s) => `[${s}]`).join(" and ")} do not broadcast`);
      size = dim;
    }
    return size;
  });
}
