/**
 * The traced graph between tfjs and ONNX: values and the nodes that compute them. Knows nothing of how files store them.
 */
import type { Operator } from "../onnx/operators.js";
import type { OnnxDType } from "../onnx/schema.js";

export type Shape = readonly number[];
export type ConstantData = Float32Array | Int32Array | Uint8Array | readonly number[];

interface TypedValue {
  /** Position in order of creation; equal traces number their values alike. */
  readonly id: number;
  readonly dtype: OnnxDType;
  readonly shape: Shape;
}

/** An input of the graph. */
export interface InputValue extends TypedValue {
  readonly kind: "input";
  readonly name: string;
}

/** A value known while tracing. An int64 constant holds a shape or an index list; its data is plain integers. */
export interface ConstantValue extends TypedValue {
  readonly kind: "constant";
  readonly data: ConstantData;
  readonly name: string | undefined;
}

/** A result of a node. */
export interface ResultValue extends TypedValue {
  readonly kind: "result";
  readonly node: Node;
}

/** What nodes read and write. */
export type Value = InputValue | ConstantValue | ResultValue;

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
  /** Undefined where an optional input is left out. */
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly outputs: readonly ResultValue[];
  /** The tfjs kernel that was being lowered. */
  readonly kernel: string;
}

/** Nodes in the order in which they can run, and what goes in and comes out. */
export interface Graph {
  readonly inputs: readonly InputValue[];
  readonly nodes: readonly Node[];
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
