/**
 * Collects the nodes of one trace. Equal constants are stored once, and so are nodes with the same operator, inputs and
 * attributes.
 */
import { isOperator, OPSET, type Operator, OperatorError } from "../onnx/operators.js";
import type { OnnxDType } from "../onnx/schema.js";
import type {
  Attribute,
  ConstantData,
  ConstantValue,
  Graph,
  InputValue,
  Node,
  ResultValue,
  Shape,
  Value,
} from "./ir.js";
import { attributesKey, sameData, sizeOf } from "./ir.js";

/** Collects the nodes and constants of a graph while a function is traced. */
export class GraphBuilder {
  /** The tfjs kernel whose lowering runs, or ran last; recorded with each node. */
  currentKernel = "";
  /** The operators that the running lowering may write. */
  #allowed: ReadonlySet<string> | undefined;
  readonly #inputs: InputValue[] = [];
  readonly #nodes: Node[] = [];
  readonly #nodesByKey = new Map<string, Node>();
  readonly #constantsByKey = new Map<string, ConstantValue[]>();
  #nextId = 0;

  /** Runs the lowering of `kernel`: its nodes carry the kernel's name, and must be of `operators`. */
  lowering<T>(kernel: string, operators: readonly Operator[], lower: () => T): T {
    this.currentKernel = kernel;
    this.#allowed = new Set(operators);
    try {
      return lower();
    } finally {
      this.#allowed = undefined;
    }
  }

  /** Adds an input of the graph. */
  input(name: string, dtype: OnnxDType, shape: Shape): InputValue {
    const value: InputValue = { kind: "input", id: this.#nextId++, name, dtype, shape };
    this.#inputs.push(value);
    return value;
  }

  /** A constant of `shape`. Constants of equal content are stored once, unless they have different names. */
  constant(dtype: OnnxDType, shape: Shape, data: ConstantData, name?: string): ConstantValue {
    if (data.length !== sizeOf(shape)) {
      throw new Error(`A constant of shape [${shape}] needs ${sizeOf(shape)} values, got ${data.length}`);
    }
    const key = `${dtype} ${shape} ${fingerprint(data)}`;
    const candidates = this.#constantsByKey.get(key) ?? [];
    const equal = candidates.find(
      (candidate) => (name === undefined || candidate.name === name) && sameData(candidate.data, data),
    );
    if (equal) return equal;
    const value: ConstantValue = { kind: "constant", id: this.#nextId++, dtype, shape, data, name };
    this.#constantsByKey.set(key, [...candidates, value]);
    return value;
  }

  /** A constant of shape `[]`. */
  scalar(value: number, dtype: "float32" | "int32" = "float32"): ConstantValue {
    return this.constant(dtype, [], dtype === "float32" ? Float32Array.of(value) : Int32Array.of(value));
  }

  /** A one-dimensional int64 constant, for the shape and index inputs of ONNX operators. */
  int64(values: readonly number[]): ConstantValue {
    return this.constant("int64", [values.length], values);
  }

  /**
   * Adds a node with one output.
   *
   * @throws {OperatorError} if `op` is not an ONNX operator, or not one that the running lowering declares
   */
  node(
    op: Operator,
    inputs: readonly (Value | undefined)[],
    output: { readonly dtype: OnnxDType; readonly shape: Shape },
    attributes: Readonly<Record<string, Attribute>> = {},
  ): ResultValue {
    return this.nodes(op, inputs, [output], attributes)[0]!;
  }

  /** Adds a node with any number of outputs; throws as {@link node} does. */
  nodes(
    op: Operator,
    inputs: readonly (Value | undefined)[],
    outputs: readonly { readonly dtype: OnnxDType; readonly shape: Shape }[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): readonly ResultValue[] {
    this.#check(op);
    const types = outputs.map((output) => `${output.dtype}[${output.shape}]`);
    const key = `${op}(${inputs.map((input) => input?.id ?? "")})${types}{${attributesKey(attributes)}}`;
    const equal = this.#nodesByKey.get(key);
    if (equal) return equal.outputs;
    const results: ResultValue[] = [];
    const node: Node = { op, inputs, attributes, outputs: results, kernel: this.currentKernel };
    for (const { dtype, shape } of outputs) {
      results.push({ kind: "result", id: this.#nextId++, dtype, shape, node });
    }
    this.#nodes.push(node);
    this.#nodesByKey.set(key, node);
    return results;
  }

  #check(op: string): void {
    if (!isOperator(op)) {
      throw new OperatorError(this.currentKernel, op, `writes ${op}, which ONNX opset ${OPSET} does not have`);
    }
    if (this.#allowed && !this.#allowed.has(op)) {
      const declared = [...this.#allowed].join(", ");
      throw new OperatorError(
        this.currentKernel,
        op,
        `writes the ONNX operator ${op}, which it does not declare: add it to the lowering's operators (${declared})`,
      );
    }
  }

  /** The graph that computes `outputs`, without the nodes that none of them needs. */
  build(outputs: Readonly<Record<string, Value>>): Graph {
    const needed = new Set<Node>();
    const pending = Object.values(outputs);
    for (let value = pending.pop(); value; value = pending.pop()) {
      if (value.kind !== "result" || needed.has(value.node)) continue;
      needed.add(value.node);
      for (const input of value.node.inputs) if (input) pending.push(input);
    }
    return { inputs: this.#inputs, nodes: this.#nodes.filter((node) => needed.has(node)), outputs };
  }
}

/** A cheap key by which equal data is found; collisions are resolved by comparing. */
function fingerprint(data: ConstantData): string {
  let hash = 0;
  const stride = Math.max(1, Math.floor(data.length / 64));
  for (let i = 0; i < data.length; i += stride) hash = (Math.imul(hash, 31) + Math.round(data[i]! * 4096)) | 0;
  return `${data.length}:${hash}`;
}
