/**
 * The TensorFlow.js backend that computes nothing: its kernels append ONNX nodes to the graph of the running trace.
 *
 * A tensor of this backend is either concrete (its values are known: it was made from numbers) or traced (it is an
 * operand of the graph). Concrete tensors become constants where a traced kernel uses them; reading a traced one throws.
 */
import * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "./graph/builder.js";
import { sameShape } from "./graph/ir.js";
import { cast, constantOperand, type Operand, reshape } from "./graph/operand.js";
import { conversionOperators, KernelInputs, type Lowering } from "./lowerings/lowering.js";

/** Name under which the tracing backend is registered with tfjs. */
export const TRACING_BACKEND = "onnx-tracer";

/** A traced function read the value of a tensor, which has none until the graph is run, or drew random numbers. */
export class TracedValueError extends Error {
  override name = "TracedValueError";
  constructor(
    /** `read`: it read a value; `random`: it drew random numbers, which the graph would hold for good. */
    readonly kind: "read" | "random",
    message: string,
  ) {
    super(message);
  }
}

/** A traced function used a tfjs kernel that has no lowering to ONNX. */
export class UnsupportedKernelError extends Error {
  override name = "UnsupportedKernelError";
  constructor(
    /** The tfjs kernel, such as `FFT`. */
    readonly kernel: string,
    /** The tfjs ops that led to it, outermost first, such as `["signal", "rfft"]`. */
    readonly ops: readonly string[],
    /** Why it can have none, if that is known. */
    reason?: string,
  ) {
    const route = ops.length > 0 ? ` (reached through tf.${ops.join(" → tf.")})` : "";
    super(
      `The tfjs kernel ${kernel}${route} has no lowering to ONNX. ${
        reason ??
        "Express it with supported kernels (see supportedKernels()), or add a lowering with registerLowering()."
      }`,
    );
  }
}

type Entry = { references: number } & (
  | {
      readonly kind: "concrete";
      readonly values: tf.BackendValues;
      readonly shape: readonly number[];
      readonly dtype: tf.DataType;
    }
  | { readonly kind: "traced"; readonly operand: Operand; readonly graph: GraphBuilder }
);

export class TracingBackend extends tf.KernelBackend {
  readonly #entries = new tf.DataStorage<Entry>(this, tf.engine());
  #graph: GraphBuilder | undefined;

  get isTracing(): boolean {
    return this.#graph !== undefined;
  }

  /** Runs `body` with every kernel call appended to `graph`. */
  into<T>(graph: GraphBuilder, body: () => T): T {
    this.#graph = graph;
    try {
      return body();
    } finally {
      this.#graph = undefined;
    }
  }

  /** A tensor that stands for `operand`. */
  tensor(operand: Operand): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.#store(operand));
  }

  /** The operand that `tensor` stands for in the running trace. */
  operandOf(tensor: tf.TensorInfo): Operand {
    const graph = this.#running();
    const entry = this.#entries.get(tensor.dataId);
    if (entry.kind === "concrete") {
      // A variable, such as a layer's weight, keeps its name in the model.
      const name = tensor instanceof tf.Variable ? tensor.name : undefined;
      return constantOperand(graph, constantData(entry.values), tensor.shape, tensor.dtype, name);
    }
    if (entry.graph !== graph) {
      throw new Error("A tensor of an earlier trace was used: pass it to the traced function as an input");
    }
    // In places tfjs changes shape or type without a kernel: it gives another tensor the same data id.
    const { operand } = entry;
    const shaped = sameShape(operand.shape, tensor.shape) ? operand : reshape(graph, operand, tensor.shape);
    return cast(graph, shaped, tensor.dtype);
  }

  /** Whether `tensor` has no value until the graph is run. */
  isTraced(tensor: tf.TensorInfo): boolean {
    return this.#entries.has(tensor.dataId) && this.#entries.get(tensor.dataId).kind === "traced";
  }

  /** Runs a lowering on tfjs tensors. */
  lower(
    lowering: Lowering,
    inputs: Readonly<Record<string, tf.TensorInfo | undefined>>,
    attributes: unknown,
  ): tf.TensorInfo | tf.TensorInfo[] {
    const graph = this.#running();
    const operands = Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => [name, tensor ? this.operandOf(tensor) : undefined]),
    );
    const { kernel, operators } = lowering;
    const output = graph.lowering(kernel, [...operators, ...conversionOperators], () =>
      lowering.lower({ inputs: new KernelInputs(kernel, operands), attributes, graph }),
    );
    return "value" in output ? this.#store(output) : output.map((each) => this.#store(each));
  }

  #running(): GraphBuilder {
    if (!this.#graph) {
      throw new Error(`The ${TRACING_BACKEND} backend computes only inside trace(): choose another with tf.setBackend`);
    }
    return this.#graph;
  }

  #store(operand: Operand): tf.TensorInfo {
    const dataId = {};
    this.#entries.set(dataId, { kind: "traced", operand, graph: this.#running(), references: 1 });
    return { dataId, shape: [...operand.shape], dtype: operand.dtype };
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const random = this.#graph ? runningOps().find((op) => RANDOM_OPS.has(op)) : undefined;
    if (random !== undefined) {
      throw new TracedValueError(
        "random",
        `The traced function drew random numbers in tf.${random}: the graph would hold these for good. ` +
          "Make the noise an input of the traced function (and build models before tracing them).",
      );
    }
    const dataId = {};
    this.#entries.set(dataId, { kind: "concrete", values, shape, dtype, references: 1 });
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    this.#entries.set(dataId, { kind: "concrete", values, shape, dtype, references: refCount });
  }

  override readSync(dataId: tf.DataId): tf.BackendValues {
    const entry = this.#entries.get(dataId);
    if (entry.kind === "concrete") return entry.values;
    throw new TracedValueError(
      "read",
      `The traced function read the value of a tensor of shape [${entry.operand.shape}]${opRoute()}. Values exist only ` +
        "when the graph runs: replace data-dependent JavaScript (dataSync, if on a value) by tfjs ops.",
    );
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.#entries.has(dataId)) return true;
    const entry = this.#entries.get(dataId);
    entry.references--;
    if (entry.references > 0 && !force) return false;
    this.#entries.delete(dataId);
    return true;
  }

  override incRef(dataId: tf.DataId): void {
    this.#entries.get(dataId).references++;
  }

  override refCount(dataId: tf.DataId): number {
    return this.#entries.has(dataId) ? this.#entries.get(dataId).references : 0;
  }

  override numDataIds(): number {
    return this.#entries.numDataIds();
  }

  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: true, reasons: ["Traced tensors hold no data."] };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override timerAvailable(): boolean {
    return false;
  }

  override dispose(): void {}
}

/** The names of the tfjs ops that are running, outermost first. */
export function runningOps(): string[] {
  const { state } = tf.engine() as unknown as { state: { scopeStack: { name: string }[] } };
  return state.scopeStack
    .map((scope) => scope.name.replace(/_+(op)?$/, ""))
    .filter((name) => /^[a-z]\w*$/i.test(name) && !NOT_OPS.has(name));
}

/** Ops that draw random numbers in JavaScript. */
const RANDOM_OPS: ReadonlySet<string> = new Set([
  "dropout",
  "multinomial",
  "rand",
  "randomGamma",
  "randomNormal",
  "randomStandardNormal",
  "randomUniform",
  "randomUniformInt",
  "truncatedNormal",
]);

/** Scopes that tfjs or the tracer opens around a user's function, not around an op. */
const NOT_OPS = new Set(["trace", "gradients", "forward"]);

function opRoute(): string {
  const ops = runningOps();
  return ops.length > 0 ? ` in tf.${ops.join(" → tf.")}` : "";
}

function constantData(values: tf.BackendValues): Float32Array | Int32Array | Uint8Array {
  if (values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array) return values;
  throw new Error("String tensors cannot be traced: ONNX graphs hold float32, int32 and bool here");
}
