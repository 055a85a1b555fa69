/**
 * Finds how a traced graph depends on the size of its batch, from traces at several sizes.
 */
import { attributesKey, type ConstantValue, type Graph, type Node, sameData, sameShape, type Value } from "./ir.js";

/** The function slope·B + offset, or slope/B, of the batch size B. */
export type BatchFunction =
  | { readonly form: "affine"; readonly slope: number; readonly offset: number }
  | { readonly form: "reciprocal"; readonly slope: number };

/** A number that is the same at every batch size, or its dependence on the batch size. */
export type BatchNumber = number | BatchFunction;

/** The parts of a graph that depend on the batch size; all others are as in the first trace. */
export interface BatchDependence {
  /** Values of the constants that depend on the batch size. */
  readonly constants: ReadonlyMap<ConstantValue, readonly BatchNumber[]>;
  /** Shapes of nodes' results. A dimension is undefined if it is not such a function of the batch size. */
  readonly shapes: ReadonlyMap<Value, readonly (BatchNumber | undefined)[]>;
  /** Shapes of the graph's outputs, by name. */
  readonly outputShapes: Readonly<Record<string, readonly BatchNumber[]>>;
}

/**
 * @param graphs traces of one function that differ in the batch size alone
 * @param sizes the batch size of each
 * @throws {Error} if the traces differ in structure, or in a number that is no simple function of the batch
 */
export function batchDependence(graphs: readonly Graph[], sizes: readonly number[]): BatchDependence {
  const [first, ...others] = graphs as readonly [Graph, ...Graph[]];
  const constants = new Map<ConstantValue, readonly BatchNumber[]>();
  const counterparts = new Map<ConstantValue, readonly Value[]>();

  const compareValues = (values: readonly (Value | undefined)[], node: Node): void => {
    const [value, ...rest] = values;
    if (rest.some((other) => other?.kind !== value?.kind || (value?.kind !== "constant" && other?.id !== value?.id))) {
      throw structureError(node);
    }
    if (value?.kind !== "constant") return;
    // A graph holds equal constants once: a constant that comes again must come with the same counterparts.
    const known = counterparts.get(value);
    if (known?.some((each, i) => each !== rest[i])) throw structureError(node);
    if (known) return;
    counterparts.set(value, rest as Value[]);
    const data = values.map((each) => (each as ConstantValue).data);
    if (data.every((each) => each === data[0]) || data.every((each) => sameData(each, data[0]!))) return;
    if (data.some((each) => each.length !== data[0]!.length)) {
      throw new Error(
        `Kernel ${node.kernel} uses a constant whose size depends on the batch: make it from the traced inputs instead`,
      );
    }
    constants.set(
      value,
      Array.from(data[0]!, (_, i) =>
        fitBatchNumber(
          data.map((each) => each[i]!),
          sizes,
          `a constant of kernel ${node.kernel}`,
        ),
      ),
    );
  };

  for (const other of others) if (other.nodes.length !== first.nodes.length) throw structureError();
  first.nodes.forEach((node, n) => {
    const nodes = graphs.map((graph) => graph.nodes[n]!);
    for (const other of nodes) {
      if (other.op !== node.op || other.inputs.length !== node.inputs.length || !sameAttributes(other, node)) {
        throw structureError(node);
      }
    }
    for (let i = 0; i < node.inputs.length; i++)
      compareValues(
        nodes.map((each) => each.inputs[i]),
        node,
      );
  });

  const shapes = new Map<Value, readonly (BatchNumber | undefined)[]>();
  first.nodes.forEach(({ outputs }, n) => {
    outputs.forEach((value, i) => {
      const all = graphs.map((graph) => graph.nodes[n]!.outputs[i]!.shape);
      if (all.every((shape) => sameShape(shape, value.shape))) return;
      shapes.set(
        value,
        value.shape.map((_, axis) =>
          simplestFunction(
            all.map((shape) => shape[axis]!),
            sizes,
          ),
        ),
      );
    });
  });

  const outputShapes = Object.fromEntries(
    Object.entries(first.outputs).map(([name, value]) => [
      name,
      value.shape.map((_, axis) =>
        fitBatchNumber(
          graphs.map((graph) => graph.outputs[name]!.shape[axis]!),
          sizes,
          `dimension ${axis} of output ${name}`,
        ),
      ),
    ]),
  );
  return { constants, shapes, outputShapes };
}

/** @throws {Error} that names `what`, if no simple function of the batch goes through all the points */
function fitBatchNumber(values: readonly number[], sizes: readonly number[], what: string): BatchNumber {
  const fit = simplestFunction(values, sizes);
  if (fit !== undefined) return fit;
  throw new Error(`${what} depends on the batch in a way that cannot be expressed: ${values} at batch ${sizes}`);
}

/** The simplest function of the batch through all the points. */
function simplestFunction(values: readonly number[], sizes: readonly number[]): BatchNumber | undefined {
  const [v0, v1] = values as readonly [number, number];
  if (values.every((value) => Object.is(value, v0))) return v0;
  const [b0, b1] = sizes as readonly [number, number];
  const reciprocal = v0 * b0;
  if (values.every((value, i) => nearlyEqual(value * sizes[i]!, reciprocal))) {
    return { form: "reciprocal", slope: nearestInteger(reciprocal) };
  }
  const slope = nearestInteger((v1 - v0) / (b1 - b0));
  const offset = nearestInteger(v0 - slope * b0);
  if (values.every((value, i) => nearlyEqual(value, slope * sizes[i]! + offset))) {
    return { form: "affine", slope, offset };
  }
  return undefined;
}

/** Relative error below which two float32 numbers count as the same function value. */
const TOLERANCE = 1e-6;

function nearlyEqual(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

function nearestInteger(value: number): number {
  const rounded = Math.round(value);
  return nearlyEqual(rounded, value) || Math.abs(value - rounded) < TOLERANCE ? rounded : value;
}

function sameAttributes(a: Node, b: Node): boolean {
  return attributesKey(a.attributes) === attributesKey(b.attributes);
}

function structureError(node?: Node): Error {
  const where = node ? ` at ${node.op} (kernel ${node.kernel})` : "";
  return new Error(
    `The traced function takes another path for another batch size${where}: its graph cannot be symbolic`,
  );
}
