export { TRACING_BACKEND, TracedValueError, UnsupportedKernelError } from "./backend.js";
export { halfValue, roundToFloat16, toFloat16 } from "./encode/float16.js";
export type { WeightType } from "./encode/graph-encoder.js";
export { encodeLoop, initialInput, type LoopSpec, STEPS, stacked } from "./encode/loop.js";
export { type EncodeOptions, encodeGraph } from "./encode/model.js";
export type { GraphBuilder } from "./graph/builder.js";
export {
  type Attribute,
  type ConstantData,
  type ConstantValue,
  float,
  type Graph,
  type InputValue,
  int,
  ints,
  type Node,
  type ResultValue,
  type Shape,
  type TypedValue,
  text,
  type Value,
} from "./graph/ir.js";
export { cast, dense, elementwise, type Operand, operand, reshape } from "./graph/operand.js";
export type { BatchDependence, BatchFunction, BatchNumber } from "./graph/symbolic-batch.js";
export { BATCH, type InputSpec, TraceInputError, type Weight } from "./inputs.js";
export { traceLayersModel } from "./layers-model.js";
export { type KernelCall, KernelInputs, type Lowering, lowering } from "./lowerings/lowering.js";
export {
  OPSET,
  type Operator,
  OperatorError,
  operatorAddress,
  operatorVersions,
} from "./onnx/operators.js";
export {
  type AttributeProto,
  attributeType,
  decodeModel,
  encodeModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OnnxDType,
  storedDataType,
  type TensorProto,
  tensorDataType,
  type ValueInfoProto,
} from "./onnx/schema.js";
export { printGraph } from "./print-graph.js";
export { TracedStateError } from "./state-guard.js";
export {
  fuse,
  type NamedTensors,
  operatorsOf,
  registerLowering,
  supportedKernels,
  type TracedGraph,
  type TraceOptions,
  trace,
} from "./trace.js";
