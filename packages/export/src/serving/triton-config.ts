/**
 * The `config.pbtxt` of a model for NVIDIA's Triton Inference Server: `inference.ModelConfig` of its model_config.proto, in the
 * text format of protocol buffers.
 */
import { BATCH, decodeModel, tensorDataType, type ValueInfoProto } from "@air-onnx/tracer";

/** Options of {@link tritonConfig}. */
export interface TritonSettings {
  /** Most images of a batch that the server puts together, 64 by default. */
  readonly maxBatchSize?: number | undefined;
  /** Longest wait for further requests before a batch runs, microseconds; 1000 by default. */
  readonly maxQueueDelay?: number | undefined;
}

const TRITON_TYPES: Readonly<Record<number, string>> = {
  [tensorDataType.float32]: "TYPE_FP32",
  [tensorDataType.uint8]: "TYPE_UINT8",
  [tensorDataType.int32]: "TYPE_INT32",
  [tensorDataType.int64]: "TYPE_INT64",
  [tensorDataType.bool]: "TYPE_BOOL",
};

/**
 * Writes the configuration of a scene file: its inputs and outputs, batching of requests as they come, and a warm-up that runs
 * before the server says that it is ready, so that no user waits for the first run.
 *
 * @param name name of the model in the repository
 * @param scene the serialised scene file
 * @throws {RangeError} for a graph whose inputs and outputs do not all begin with the batch
 */
export function tritonConfig(
  name: string,
  scene: Uint8Array,
  { maxBatchSize = 64, maxQueueDelay = 1000 }: TritonSettings = {},
): string {
  const { graph } = decodeModel(scene);
  if (!graph) throw new RangeError("The scene file has no graph");
  const inputs = (graph.input ?? []).map(tensorOf);
  const outputs = graph.output.map(tensorOf);
  const warmUp = (batchSize: number): string => `  {
    name: "batch of ${batchSize}"
    batch_size: ${batchSize}
${inputs.map((input) => `    inputs {\n      key: "${input.name}"\n      value {\n        data_type: ${input.type}\n        dims: [ ${input.dims.join(", ")} ]\n        zero_data: true\n      }\n    }`).join("\n")}
  }`;
  return `name: "${name}"
backend: "onnxruntime"
default_model_filename: "model.onnx"
max_batch_size: ${maxBatchSize}
input [
${inputs.map(tensorText).join(",\n")}
]
output [
${outputs.map(tensorText).join(",\n")}
]
dynamic_batching {
  max_queue_delay_microseconds: ${maxQueueDelay}
}
model_warmup [
${[...new Set([1, maxBatchSize])].map(warmUp).join(",\n")}
]
`;
}

interface ServedTensor {
  readonly name: string;
  readonly type: string;
  /** Without the batch. */
  readonly dims: readonly number[];
}

function tensorOf({ name, type }: ValueInfoProto): ServedTensor {
  const { elemType, shape } = type!.tensorType!;
  const [batch, ...rest] = shape?.dim ?? [];
  const dims = rest.map((axis) => ("dimValue" in axis ? Number(axis.dimValue) : 0));
  const tritonType = TRITON_TYPES[elemType ?? 0];
  if (
    !batch ||
    !("dimParam" in batch) ||
    batch.dimParam !== BATCH ||
    !dims.every((size) => size > 0) ||
    tritonType === undefined
  ) {
    throw new RangeError(
      `${name} of the scene file cannot be served: its first axis must be the batch, the others must have sizes`,
    );
  }
  return { name, type: tritonType, dims };
}

function tensorText({ name, type, dims }: ServedTensor): string {
  // The server knows no tensor without axes: it gives one value of each image an axis, and takes it from the model without.
  const shape = dims.length > 0 ? `    dims: [ ${dims.join(", ")} ]` : "    dims: [ 1 ]\n    reshape { shape: [ ] }";
  return `  {\n    name: "${name}"\n    data_type: ${type}\n${shape}\n  }`;
}
