/** The state of training, which the driver of @air-onnx/trainer defines. Inside a training step it is an `AdamState` of tensors. */
export {
  eachPart,
  type NamedArrays,
  type NamedTensorData,
  type StatePart,
  stateParts,
  type TensorData,
  type TrainingState,
} from "@air-onnx/trainer";
