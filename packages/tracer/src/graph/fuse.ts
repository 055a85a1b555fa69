/**
 * Rewrites a graph into fewer and larger operations with the same results, but for the rounding of sums in another order.
 * Most of the gain is in the backward pass of a recurrent network: the gradient of a weight is a sum of one matrix product
 * for each time step, and becomes one product.
 *
 * What pays depends on the sizes, so they must be known: a graph with a symbolic batch is not rewritten.
 */
import { GraphBuilder } from "./builder.js";
import {
  type Attribute,
  float,
  type Graph,
  int,
  type Node,
  type ResultValue,
  sameShape,
  sizeOf,
  type Value,
} from "./ir.js";

/**
 * The graph's equivalent with:
 *
 * - sums of matrix products that are larger than their factors as one product, [A₁ A₂]·[B₁; B₂];
 * - other sums with a product, a bias for one, as the product's third operand (ONNX Gemm: A·B + C);
 * - sums over the same axis as one sum;
 * - the sum of all squares of a tensor as ReduceSumSquare;
 * - max(0, 1 - |x|) as HardSigmoid of |x|.
 */
export function fuseGraph(graph: Graph): Graph {
  return new Fusion(graph).run();
}

/** A Gemm with neither a third operand nor scales (alpha, beta), as this package's lowerings make them. */
interface Product {
  readonly a: Value;
  readonly b: Value;
  readonly transA: number;
  readonly transB: number;
}

class Fusion {
  readonly #graph: Graph;
  readonly #builder = new GraphBuilder();
  /** Values of the old graph → those of the new one. */
  readonly #replaced = new Map<Value, Value>();
  /** Values of the old graph → the nodes that read them, the graph's outputs counted too. */
  readonly #uses = new Map<Value, number>();
  /** Values of the new graph → how often the old graph reads the values that they replace. */
  readonly #reads = new Map<Value, number>();

  constructor(graph: Graph) {
    this.#graph = graph;
    const read = (value: Value): void => void this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
    for (const { inputs } of graph.nodes) for (const input of inputs) if (input) read(input);
    for (const output of Object.values(graph.outputs)) read(output);
    for (const input of graph.inputs) {
      this.#replaced.set(input, this.#builder.input(input.name, input.dtype, input.shape));
    }
  }

  run(): Graph {
    for (const node of this.#graph.nodes) {
      const inputs = node.inputs.map((input) => input && this.#replacement(input));
      this.#builder.currentKernel = node.kernel;
      const fused = this.#fused(node, inputs);
      const outputs = fused ? [fused] : this.#builder.nodes(node.op, inputs, node.outputs, node.attributes);
      node.outputs.forEach((old, i) => {
        const value = outputs[i]!;
        this.#replaced.set(old, value);
        this.#reads.set(value, (this.#reads.get(value) ?? 0) + (this.#uses.get(old) ?? 0));
      });
    }
    return this.#builder.build(
      Object.fromEntries(Object.entries(this.#graph.outputs).map(([name, value]) => [name, this.#replacement(value)])),
    );
  }

  #isReadOnce(value: Value): boolean {
    return this.#reads.get(value) === 1;
  }

  #replacement(value: Value): Value {
    const known = this.#replaced.get(value);
    if (known) return known;
    if (value.kind !== "constant") throw new Error("The graph's nodes are not in order");
    const constant = this.#builder.constant(value.dtype, value.shape, value.data, value.name);
    this.#replaced.set(value, constant);
    return constant;
  }

  #fused({ op, outputs }: Node, inputs: readonly (Value | undefined)[]): Value | undefined {
    if (outputs.length !== 1) return undefined;
    const [output] = outputs as [ResultValue];
    if (op === "Add") {
      const [x, y] = inputs as [Value, Value];
      return this.#sumOfProducts(x, y) ?? this.#sumOfSums(x, y) ?? this.#productPlus(x, y, output);
    }
    if (op === "ReduceSum") return this.#sumOfSquares(inputs as readonly Value[], output);
    if (op === "Relu") return this.#hat(inputs[0]!, output);
    return undefined;
  }

  /** A₁·B₁ + A₂·B₂ as the product of the factors side by side, where these are smaller than their products. */
  #sumOfProducts(x: Value, y: Value): Value | undefined {
    const [p, q] = [this.#product(x), this.#product(y)];
    if (!p || !q || !sameShape(x.shape, y.shape)) return undefined;
    if (p.transA !== q.transA || p.transB !== q.transB) return undefined;
    const copied = [p.a, p.b, q.a, q.b].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    if (copied > 2 * sizeOf(x.shape)) return undefined;
    const a = this.#joined(p.a, q.a, p.transA === 1 ? 0 : 1);
    const b = this.#joined(p.b, q.b, p.transB === 1 ? 1 : 0);
    return this.#gemm([a, b], p, x);
  }

  /** A·B + C, where C broadcasts to the product. */
  #productPlus(x: Value, y: Value, { shape }: ResultValue): Value | undefined {
    // Of two products, the one computed later takes the other as its third operand.
    for (const [product, other] of x.id > y.id
      ? [[x, y] as const, [y, x] as const]
      : [[y, x] as const, [x, y] as const]) {
      const factors = this.#product(product);
      if (!factors || !sameShape(product.shape, shape) || other.dtype !== "float32") continue;
      // A scalar would do by the standard, but aborts the process on onnxruntime 1.30's WebGPU provider.
      if (other.shape.length === 0 || other.shape.length > 2) continue;
      return this.#gemm([factors.a, factors.b, other], factors, product);
    }
    return undefined;
  }

  #gemm(inputs: readonly Value[], { transA, transB }: Product, like: Value): Value {
    return this.#builder.node("Gemm", inputs, like, { transA: int(transA), transB: int(transB) });
  }

  /** The factors of `value`, if it is a product that nothing else reads. */
  #product(value: Value): Product | undefined {
    if (value.kind !== "result" || value.node.op !== "Gemm" || !this.#isReadOnce(value)) return undefined;
    const { inputs, attributes } = value.node;
    if (inputs.length !== 2) return undefined;
    const flag = (attribute: Attribute | undefined): number => Number(attribute?.value ?? 0);
    return { a: inputs[0]!, b: inputs[1]!, transA: flag(attributes.transA), transB: flag(attributes.transB) };
  }

  /** The sum of two sums over the first axis of a matrix, as one sum over both matrices stacked. */
  #sumOfSums(x: Value, y: Value): Value | undefined {
    const [a, b] = [this.#columnSum(x), this.#columnSum(y)];
    if (!a || !b || !sameShape(x.shape, y.shape) || a.shape[1] !== b.shape[1]) return undefined;
    const { inputs, attributes } = (x as ResultValue).node;
    return this.#builder.node("ReduceSum", [this.#joined(a, b, 0), inputs[1]], x, attributes);
  }

  /** The matrix whose rows `value` sums up, if nothing else reads `value`. */
  #columnSum(value: Value): Value | undefined {
    if (value.kind !== "result" || value.node.op !== "ReduceSum" || !this.#isReadOnce(value)) return undefined;
    const [matrix, axes] = value.node.inputs as readonly [Value, Value];
    if (matrix.shape.length !== 2 || axes.kind !== "constant" || String(axes.data) !== "0") return undefined;
    return matrix;
  }

  /** The sum of all squares of x, if nothing else reads the squares. Over some axes alone, one operation is slower. */
  #sumOfSquares([squares, axes]: readonly Value[], output: ResultValue): Value | undefined {
    if (sizeOf(output.shape) !== 1) return undefined;
    if (squares?.kind !== "result" || squares.node.op !== "Mul" || !this.#isReadOnce(squares)) return undefined;
    const [x, again] = squares.node.inputs as readonly [Value, Value];
    if (x !== again || x.dtype !== "float32") return undefined;
    return this.#builder.node("ReduceSumSquare", [x, axes], output, output.node.attributes);
  }

  /**
   * max(0, 1 - |x|) as a HardSigmoid with slope -1: its upper bound, 1, is never exceeded. Only if nothing else reads the
   * difference.
   */
  #hat(difference: Value, output: ResultValue): Value | undefined {
    if (difference.kind !== "result" || difference.node.op !== "Sub" || !this.#isReadOnce(difference)) return undefined;
    const [one, magnitude] = difference.node.inputs as readonly [Value, Value];
    if (one.kind !== "constant" || one.dtype !== "float32" || one.data.length !== 1 || one.data[0] !== 1)
      return undefined;
    if (magnitude.kind !== "result" || magnitude.node.op !== "Abs") return undefined;
    return this.#builder.node("HardSigmoid", [magnitude], output, { alpha: float(-1), beta: float(1) });
  }

  /** `a` and `b` joined along `axis`; values that were joined before are joined anew, in one Concat. */
  #joined(a: Value, b: Value, axis: number): Value {
    const parts = [...partsOf(a, axis), ...partsOf(b, axis)];
    const shape = parts[0]!.shape.map((dim, i) =>
      i === axis ? parts.reduce((sum, part) => sum + part.shape[axis]!, 0) : dim,
    );
    return this.#builder.node("Concat", parts, { dtype: a.dtype, shape }, { axis: int(axis) });
  }
}

function partsOf(value: Value, axis: number): readonly Value[] {
  const joined = value.kind === "result" && value.node.op === "Concat" && value.node.attributes.axis?.value === axis;
  return joined ? (value.node.inputs as readonly Value[]) : [value];
}
