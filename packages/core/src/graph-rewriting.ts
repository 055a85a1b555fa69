/**
 * Rewrites a graph into fewer operations with the same results, but for the rounding of sums in another order. A graph that
 * has none of the patterns stays as it is.
 */
import { type GraphConstant, type GraphNode, integerAttribute, type NodeList, newConstant } from "./graph-nodes.js";
import { attribute, floatAttribute } from "./onnx-message.js";

/** A rewritten graph. */
export interface Rewritten extends NodeList {
  /** Gives the name in the rewritten graph of a value of the graph before. */
  readonly nameOf: (name: string) => string;
}

/** Operations that make zeros of zeros, whatever their other inputs are, if they have no third. */
const KEEPS_ZEROS = [
  "Reshape",
  "Transpose",
  "AveragePool",
  "Relu",
  "Neg",
  "Split",
  "Conv",
  "MatMul",
  "Gemm",
  "Identity",
];

/**
 * Leaves out what does nothing because some values are zero: products with them, and sums.
 *
 * @param zeros names of the values that are zero
 * @param shapedAlike values of which a sum has the same shape as its other operand; constants may be broadcast
 */
export function withoutZeros(list: NodeList, zeros: readonly string[]): Rewritten {
  const isZero = new Set(zeros);
  const names = new Map<string, string>();
  const nameOf = (name: string): string => names.get(name) ?? name;
  const isConstant = constantTest(list);
  const nodes: GraphNode[] = [];
  for (const old of list.nodes) {
    const { op } = old;
    const inputs = old.inputs.map(nameOf);
    const [x = "", y = "", z] = inputs;
    const [output = ""] = old.outputs;
    nodes.push({ ...old, inputs });
    if (KEEPS_ZEROS.includes(op) && isZero.has(x) && z === undefined) for (const name of old.outputs) isZero.add(name);
    else if (op === "Concat" && inputs.every((name) => isZero.has(name))) isZero.add(output);
    else if (op === "Mul" && (isZero.has(x) || isZero.has(y))) isZero.add(output);
    else if (op === "Add" && isZero.has(x) && isZero.has(y)) isZero.add(output);
    // A constant could have fewer dimensions than the sum.
    else if (op === "Add" && isZero.has(x) && !isConstant(y)) names.set(output, y);
    else if ((op === "Add" || op === "Sub") && isZero.has(y) && !isConstant(x)) names.set(output, x);
    else if (op === "Gemm" && isZero.has(x) && z !== undefined && !isConstant(z)) names.set(output, z);
  }
  return { nodes, constants: list.constants, nameOf };
}

/** Tells constants, and what is computed of constants alone, from other values. */
export function constantTest({ nodes, constants }: NodeList): (name: string) => boolean {
  const known = new Set(constants.keys());
  for (const { inputs, outputs } of nodes) {
    if (inputs.length > 0 && inputs.every((name) => known.has(name))) for (const name of outputs) known.add(name);
  }
  return (name) => known.has(name);
}

/**
 * Rewrites sums with matrix products, and the weights of linear interpolation:
 *
 * - products that are summed up become one, [A₁ A₂]·[B₁; B₂], and what else is in the sum its third operand (ONNX Gemm);
 * - a column of ones in a factor becomes a row of the sum;
 * - max(0, 1 − |p − j|) for every pixel j takes three operations, the first of which is a product.
 *
 * @param outputs names of the graph's outputs, which keep their names
 */
export function fused(list: NodeList, outputs: readonly string[]): NodeList {
  const fusion = new Fusion(list, outputs);
  fusion.run();
  return { nodes: fusion.nodes, constants: fusion.constants };
}

/** A product: a factor of several values side by side, times weights. */
interface Factor {
  readonly columns: readonly string[];
  readonly weights: string;
}

class Fusion {
  readonly nodes: GraphNode[] = [];
  readonly constants: Map<string, GraphConstant>;
  readonly #old: NodeList;
  readonly #isConstant: (name: string) => boolean;
  readonly #producers = new Map<string, GraphNode>();
  readonly #readers = new Map<string, GraphNode[]>();
  readonly #outputs: ReadonlySet<string>;

  constructor(list: NodeList, outputs: readonly string[]) {
    this.#old = list;
    this.constants = new Map(list.constants);
    this.#isConstant = constantTest(list);
    this.#outputs = new Set(outputs);
    for (const node of list.nodes) {
      for (const name of node.outputs) this.#producers.set(name, node);
      for (const name of node.inputs) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
    }
  }

  run(): void {
    for (const node of this.#old.nodes) {
      const isFused = (node.op === "Add" && this.#fuseSum(node)) || (node.op === "Relu" && this.#fuseHat(node));
      // What the fused nodes replace is left in place; nothing reads it any more.
      if (!isFused) this.nodes.push(node);
    }
  }

  /** The node that makes `name`, if it is of the operator `op` and only one node reads it. */
  #onlyFor(name: string, op: string): GraphNode | undefined {
    const node = this.#producers.get(name);
    const isReadOnce = this.#readers.get(name)?.length === 1 && !this.#outputs.has(name);
    return isReadOnce && node?.op === op ? node : undefined;
  }

  #add(op: string, inputs: readonly string[], output: string, attributes: GraphNode["attributes"] = []): string {
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  #constant(name: string, shape: readonly number[], data: Float32Array | BigInt64Array): string {
    this.constants.set(name, newConstant(shape, data));
    return name;
  }

  #fuseSum(root: GraphNode): boolean {
    const [output] = root.outputs as [string];
    const readers = this.#readers.get(output) ?? [];
    // A larger sum takes it in.
    if (readers.length === 1 && readers[0]!.op === "Add" && !this.#outputs.has(output)) return false;
    const factors: Factor[] = [];
    const rows: string[] = [];
    const others: string[] = [];
    for (const term of this.#terms(root)) {
      const product = this.#onlyFor(term, "Gemm");
      if (product && isPlain(product)) this.#factor(product, `${output}/${factors.length}`, factors, rows);
      else (this.#isConstant(term) ? rows : others).push(term);
    }
    // A scalar as the third operand of Gemm aborts onnxruntime 1.30's WebGPU provider.
    if (factors.length === 0 || rows.some((row) => this.constants.get(row)?.shape.length === 0)) return false;
    // The others first: a step's share of the image and a constant are the same in all steps.
    const third = [...others, ...rows].reduce<string | undefined>((sum, term, i) => {
      return sum === undefined ? term : this.#add("Add", [sum, term], `${output}/sum${i}`);
    }, undefined);
    const matrix = this.#joined(
      factors.flatMap(({ columns }) => columns),
      1,
      `${output}/matrix`,
    );
    const weights = this.#joined(
      factors.map((factor) => factor.weights),
      0,
      `${output}/weights`,
    );
    this.#add("Gemm", third === undefined ? [matrix, weights] : [matrix, weights, third], output);
    return true;
  }

  /** What the sum `node` adds up, sums within it resolved. */
  #terms(node: GraphNode): string[] {
    return node.inputs.flatMap((name) => {
      const inner = this.#onlyFor(name, "Add");
      return inner && !this.#isConstant(name) ? this.#terms(inner) : [name];
    });
  }

  /** Takes a product apart: a factor that several values make up side by side, and a column of ones in it. */
  #factor(product: GraphNode, name: string, factors: Factor[], rows: string[]): void {
    const [matrix, weights] = product.inputs as [string, string];
    const columns = this.#onlyFor(matrix, "Concat");
    const height = this.#heightOf(weights);
    const isOnes = (value: string | undefined): boolean => value !== undefined && this.#isOnes(value);
    if (columns === undefined || height === undefined || !isOnes(columns.inputs.at(-1))) {
      factors.push({ columns: [matrix], weights });
      return;
    }
    const [begin, last, end] = [0, height - 1, height].map((row) =>
      this.#constant(`${name}/${row}`, [1], BigInt64Array.of(BigInt(row))),
    ) as [string, string, string];
    const rest = columns.inputs.slice(0, -1);
    factors.push({ columns: rest, weights: this.#add("Slice", [weights, begin, last], `${name}/weights`) });
    rows.push(this.#add("Slice", [weights, last, end], `${name}/row`));
  }

  /** Number of rows of a constant matrix; undefined if it is not known. */
  #heightOf(name: string): number | undefined {
    const maker = this.#producers.get(name);
    // Stored weights are converted, and integers among them multiplied by scales.
    const isScaled = maker?.op === "Mul" && this.#producers.get(maker.inputs[0]!)?.op === "Cast";
    if (maker?.op === "Cast" || isScaled) return this.#heightOf(maker!.inputs[0]!);
    return this.constants.get(name)?.shape[0];
  }

  /** Whether a value is one column of ones. */
  #isOnes(name: string): boolean {
    const maker = this.#producers.get(name);
    if (maker?.op !== "Expand" || this.#number(maker.inputs[0]!) !== 1) return false;
    const shape = this.#producers.get(maker.inputs[1]!);
    const last = shape?.op === "Concat" && shape.inputs.length === 2 ? this.constants.get(shape.inputs[1]!) : undefined;
    return last?.shape.length === 1 && last.shape[0] === 1;
  }

  /** The value of a constant that is a single float32 number. */
  #number(name: string): number | undefined {
    const floats = this.constants.get(name)?.floats;
    return floats?.length === 1 ? floats[0] : undefined;
  }

  #joined(values: readonly string[], axis: number, name: string): string {
    return values.length === 1 ? values[0]! : this.#add("Concat", values, name, [attribute("axis", axis)]);
  }

  /**
   * Weights of linear interpolation, Relu(1 − |distance|). They become HardSigmoid(|distance|), which is the same, since
   * HardSigmoid is max(0, min(1, αx + β)).
   */
  #fuseHat(relu: GraphNode): boolean {
    const difference = this.#onlyFor(relu.inputs[0]!, "Sub");
    const distance = difference && this.#onlyFor(difference.inputs[1]!, "Abs");
    if (!distance || this.#number(difference.inputs[0]!) !== 1) return false;
    if (this.#fusePositions(distance, relu.outputs[0]!)) return true;
    this.#add("HardSigmoid", [distance.outputs[0]!], relu.outputs[0]!, HAT);
    return true;
  }

  /**
   * Weights of linear interpolation in models that subtract each pixel from each position, where the positions are one part
   * of a product with a constant plus a constant: the distances become one product plus a constant.
   */
  #fusePositions(distance: GraphNode, output: string): boolean {
    const offset = this.#onlyFor(distance.inputs[0]!, "Sub");
    const column = offset && this.#onlyFor(offset.inputs[0]!, "Reshape");
    if (!column) return false;
    const split = this.#producers.get(column.inputs[0]!);
    const positions = split?.op === "Split" ? this.#producers.get(split.inputs[0]!) : undefined;
    const product = positions?.op === "Add" ? this.#producers.get(positions.inputs[0]!) : undefined;
    if (!split || !positions || product?.op !== "Gemm" || !isPlain(product)) return false;
    const [windows, basis] = product.inputs as [string, string];
    const pixels = this.constants.get(offset.inputs[1]!)?.floats;
    const centre = this.#number(positions.inputs[1]!);
    const { floats, shape } = this.constants.get(basis) ?? {};
    if (!pixels || centre === undefined || !floats || shape?.length !== 2) return false;
    const parts = split.outputs.length;
    const [rows, width] = shape as [number, number];
    const side = width / parts;
    // The split must be even, and the reshaping must make a column of each position.
    if (!this.#isEvenSplit(split, side) || !this.#isColumn(column, side)) return false;
    const first = split.outputs.indexOf(column.inputs[0]!) * side;
    const size = side * pixels.length;
    const wide = Float32Array.from({ length: rows * size }, (_, i) => {
      const position = Math.floor((i % size) / pixels.length);
      return floats[Math.floor(i / size) * width + first + position]!;
    });
    const shifts = Float32Array.from({ length: size }, (_, i) => centre - pixels[i % pixels.length]!);
    const inputs = [
      windows,
      this.#constant(`${output}/basis`, [rows, size], wide),
      this.#constant(`${output}/shifts`, [size], shifts),
    ];
    const flat = this.#add("Gemm", inputs, `${output}/flat`);
    const away = this.#add("Abs", [flat], `${output}/away`);
    const weights = this.#add("HardSigmoid", [away], `${output}/weights`, HAT);
    const sides = BigInt64Array.from([-1, side, pixels.length], BigInt);
    this.#add("Reshape", [weights, this.#constant(`${output}/sides`, [3], sides)], output);
    return true;
  }

  #isEvenSplit(split: GraphNode, side: number): boolean {
    const sizes = this.#integers(split.inputs[1]);
    return integerAttribute(split, "axis", 0) === 1 && sizes !== undefined && sizes.every((size) => size === side);
  }

  #isColumn(reshape: GraphNode, side: number): boolean {
    return this.#integers(reshape.inputs[1])?.slice(1).join() === `${side},1`;
  }

  #integers(name: string | undefined): number[] | undefined {
    const raw = name === undefined ? undefined : this.constants.get(name)?.integers;
    return raw && [...raw].map(Number);
  }
}

/** Attributes with which HardSigmoid of |x| is max(0, 1 − |x|). */
const HAT = [floatAttribute("alpha", -1), floatAttribute("beta", 1)];

/** Whether a Gemm is a mere product of two matrices. */
function isPlain(gemm: GraphNode): boolean {
  const flags = ["transA", "transB"].every((name) => integerAttribute(gemm, name, 0) === 0);
  return flags && gemm.inputs.length === 2 && gemm.attributes.length <= 2;
}
