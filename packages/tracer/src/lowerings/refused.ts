/**
 * Reasons why kernels can have no lowering. Kernels that are neither here nor lowered have none yet.
 */
const RANDOM = "Its random numbers would be drawn while tracing: make the noise an input of the traced function.";
const STRINGS = "ONNX graphs made here hold float32, int32 and bool, no strings.";
const COMPLEX = "ONNX has no complex tensors.";
const DATA_DEPENDENT = "The shape of its result depends on values, which exist only when the graph runs.";
const SHAPES = "It computes with shapes as values: compute them in JavaScript, from tensor.shape.";

export const refusalReasons: Readonly<Record<string, string>> = {
  Multinomial: RANDOM,
  StaticRegexReplace: STRINGS,
  StringNGrams: STRINGS,
  StringSplit: STRINGS,
  StringToHashBucketFast: STRINGS,
  Complex: COMPLEX,
  ComplexAbs: COMPLEX,
  FFT: COMPLEX,
  IFFT: COMPLEX,
  Imag: COMPLEX,
  Real: COMPLEX,
  NonMaxSuppressionV3: DATA_DEPENDENT,
  NonMaxSuppressionV4: DATA_DEPENDENT,
  NonMaxSuppressionV5: DATA_DEPENDENT,
  RaggedGather: DATA_DEPENDENT,
  RaggedRange: DATA_DEPENDENT,
  RaggedTensorToTensor: DATA_DEPENDENT,
  SparseFillEmptyRows: DATA_DEPENDENT,
  SparseReshape: DATA_DEPENDENT,
  SparseSegmentMean: DATA_DEPENDENT,
  SparseSegmentSum: DATA_DEPENDENT,
  Unique: DATA_DEPENDENT,
  BroadcastArgs: SHAPES,
};
