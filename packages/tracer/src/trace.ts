/**
 * Runs a tfjs function on the tracing backend and returns a graph that computes the same.
 *
 * A function with a symbolic batch is traced at three sizes. Every shape, and every number that tfjs derived from a shape,
 * must be one function of the batch (a·B + b, or a/B) in all three; the graph then computes it from the size of its input.
 */
import * as tf from "@tensorflow/tfjs";
import { runningOps, TRACING_BACKEND, TracingBackend, UnsupportedKernelError } from "./backend.js";
import { GraphBuilder } from "./graph/builder.js";
import { fuseGraph } from "./graph/fuse.js";
import type { Graph } from "./graph/ir.js";
import { constantOperand, dense, onnxDType, operand } from "./graph/operand.js";
import { type BatchDependence, batchDependence } from "./graph/symbolic-batch.js";
import { BATCH, checkInputs, type InputSpec, type Weight } from "./inputs.js";
import { allLowerings } from "./lowerings/index.js";
import type { Lowering } from "./lowerings/lowering.js";
import { refusalReasons } from "./lowerings/refused.js";
import { isOperator, OPSET, type Operator, OperatorError } from "./onnx/operators.js";
import { guardState } from "./state-guard.js";

/** tfjs tensors by name. */
export type NamedTensors = Record<string, tf.Tensor>;

/** What a function is traced with. */
export interface TraceOptions {
  /** The graph's inputs by name; `fn` gets a tensor for each. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** Constants that keep their names as the model's initializers; `fn` gets a tensor for each. */
  readonly weights?: Readonly<Record<string, Weight>>;
}

/** A traced function: pass it to `encodeGraph` for an ONNX model, or to `encodeLoop` for many steps in one call. */
export interface TracedGraph {
  /** Graph of the first trace, with a fixed batch size. */
  readonly graph: Graph;
  /** Inputs that the function was traced with, by name. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** Dependence of the graph on the batch size. */
  readonly batch: BatchDependence;
}

/**
 * The batch sizes at which a function is traced: unlikely as other sizes, without common factors, odd and even, and so far
 * apart that no other function passes for a·B + b.
 */
const BATCH_SIZES = [1009, 1514, 2003] as const;

const backend = new TracingBackend();
const lowerings = new Map<string, Lowering>();
tf.registerBackend(TRACING_BACKEND, () => backend, -1);
for (const each of allLowerings) registerLowering(each);

/**
 * Adds a lowering for a kernel, or replaces the one it has.
 *
 * @throws {OperatorError} if it declares an operator that ONNX does not have
 */
export function registerLowering(lowering: Lowering): void {
  const unknown = lowering.operators.find((operator) => !isOperator(operator));
  if (unknown !== undefined) {
    throw new OperatorError(lowering.kernel, unknown, `declares ${unknown}, which ONNX opset ${OPSET} does not have`);
  }
  if (tf.getKernel(lowering.kernel, TRACING_BACKEND)) tf.unregisterKernel(lowering.kernel, TRACING_BACKEND);
  lowerings.set(lowering.kernel, lowering);
  tf.registerKernel({
    kernelName: lowering.kernel,
    backendName: TRACING_BACKEND,
    kernelFunc: ({ inputs, attrs }) => backend.lower(lowering, inputs, attrs),
  });
}

/** The tfjs kernels that can be traced, sorted. */
export function supportedKernels(): string[] {
  return [...lowerings.keys()].sort();
}

/** The ONNX operators that the lowering of `kernel` declares, or undefined if there is no such lowering. */
export function operatorsOf(kernel: string): readonly Operator[] | undefined {
  return lowerings.get(kernel)?.operators;
}

/**
 * Traces `fn`: any tfjs function of tensors to tensors, gradients included (`tf.grads`, `tf.valueAndGrads`).
 *
 * @param fn gets one tensor per input and weight; returns the graph's outputs by name
 * @throws {TraceInputError} if an input or weight is described wrongly
 * @throws {UnsupportedKernelError} for a kernel without a lowering, naming it and the op that led to it
 * @throws {TracedValueError} if `fn` reads the value of a traced tensor
 * @throws {TracedStateError} if `fn` changes state: assigns a variable, runs an optimiser, calls a stateful layer
 */
export function trace(fn: (tensors: NamedTensors) => NamedTensors, options: TraceOptions): TracedGraph {
  checkInputs(options.inputs, options.weights ?? {});
  const symbolic = Object.values(options.inputs).some((input) => input.shape.includes(BATCH));
  const sizes = symbolic ? BATCH_SIZES : ([1] as const);
  const graphs = sizes.map((batchSize) => traceAt(fn, options, batchSize));
  return { graph: graphs[0]!, inputs: options.inputs, batch: batchDependence(graphs, sizes) };
}

/**
 * `traced` with fewer and larger operations, see `fuseGraph`: for graphs that run often, such as a training step.
 *
 * @throws {Error} if it has a symbolic batch
 */
export function fuse(traced: TracedGraph): TracedGraph {
  if (Object.values(traced.inputs).some(({ shape }) => shape.includes(BATCH))) {
    throw new Error("A graph with a symbolic batch cannot be fused: what pays depends on its sizes");
  }
  const graph = fuseGraph(traced.graph);
  return { ...traced, graph, batch: batchDependence([graph], [1]) };
}

function traceAt(fn: (tensors: NamedTensors) => NamedTensors, options: TraceOptions, batchSize: number): Graph {
  const graph = new GraphBuilder();
  if (backend.isTracing) throw new Error("A trace is already running: traces do not nest");
  const previous = currentBackend();
  registerRefusals();
  useBackend(TRACING_BACKEND);
  const releaseState = guardState((tensor) => backend.isTraced(tensor));
  tf.engine().startScope("trace");
  try {
    return backend.into(graph, () => {
      const tensors: NamedTensors = {};
      for (const [name, { shape, dtype = "float32" }] of Object.entries(options.inputs)) {
        const sizes = shape.map((dim) => (dim === BATCH ? batchSize : dim));
        tensors[name] = backend.tensor(operand(graph.input(name, onnxDType(dtype), sizes), dtype));
      }
      for (const [name, { shape, data }] of Object.entries(options.weights ?? {})) {
        const dtype = data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "bool";
        tensors[name] = backend.tensor(constantOperand(graph, data, shape, dtype, name));
      }
      const outputs = Object.entries(fn(tensors)).map(([name, tensor]) => {
        if (name === "") throw new Error("The traced function gave an output the empty name: give it another");
        if (name in options.inputs) throw new Error(`${name} is the name of both an input and an output`);
        if (name in (options.weights ?? {})) throw new Error(`${name} is the name of both a weight and an output`);
        if (!(tensor instanceof tf.Tensor)) throw new Error(`The traced function's output ${name} is not a tensor`);
        return [name, dense(graph, backend.operandOf(tensor))] as const;
      });
      if (outputs.length === 0) throw new Error("The traced function returned no tensors");
      return graph.build(Object.fromEntries(outputs));
    });
  } catch (error) {
    const missing = /Cannot find registered kernel '(\w+)'|Kernel '(\w+)' not registered/.exec(String(error));
    if (missing) throw new UnsupportedKernelError((missing[1] ?? missing[2])!, []);
    throw error;
  } finally {
    tf.engine().endScope();
    releaseState();
    if (previous === undefined) forgetBackend();
    else useBackend(previous);
  }
}

/** The name of the backend in use, or undefined while tfjs has not chosen one. */
function currentBackend(): string | undefined {
  return (tf.getBackend() as string | undefined) || undefined;
}

/** Back to the state before tfjs chose a backend: the next op outside a trace makes it choose. */
function forgetBackend(): void {
  const engine = tf.engine() as unknown as { backendName: string | undefined; backendInstance: unknown };
  engine.backendName = undefined;
  engine.backendInstance = null;
}

/** Makes a backend current. This is synchronous for a backend that is already initialised. */
function useBackend(name: string): void {
  void tf.setBackend(name);
  if (tf.getBackend() !== name) throw new Error(`The tfjs backend ${name} could not be made current`);
}

/** Registers, for every kernel of tfjs that has no lowering, one that throws an {@link UnsupportedKernelError}. */
function registerRefusals(): void {
  for (const { kernelName } of tf.getKernelsForBackend("cpu")) {
    if (tf.getKernel(kernelName, TRACING_BACKEND)) continue;
    tf.registerKernel({
      kernelName,
      backendName: TRACING_BACKEND,
      kernelFunc: () => {
        throw new UnsupportedKernelError(kernelName, runningOps(), refusalReasons[kernelName]);
      },
    });
  }
}
