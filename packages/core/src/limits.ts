/**
 * How large may be what comes from outside: a model's folder is untrusted until it has been checked. Each limit is far above
 * what the models of this project need, and low enough that what passes it cannot take the process down.
 */

/**
 * Sizes of a model. Calls make arrays of these sizes, for 64 images at a time unless told otherwise, before a graph has
 * proven that it has them.
 */
export const modelLimits = {
  /** Side S of an image, pixels. The shipped models take 64; the recurrent network sees all pixels at once. */
  imageSize: 512,
  /** Channels C. Multispectral images have a dozen. */
  channels: 64,
  /** Steps T. q(n) and the confusions of counts grow with it; the shipped models have 3. */
  maxSteps: 128,
  /** Units of any layer, channels of a convolution, or dimensions Z of z_what. The shipped models have at most 400. */
  units: 4096,
  /** Layers of the convolution. The shipped models have 2. */
  convolutions: 16,
  /** C·S²: one image or canvas takes 1 MiB as float32, and the 64 of a batch 64 MiB. */
  imageValues: 2 ** 18,
  /** T·C·S²: the canvases of all steps, which inference holds until it knows the count; 256 MiB for 64 images. */
  canvasValues: 2 ** 20,
  /** T·Z: the noise of all steps, 64 MiB for the 250 images of an evaluation's batch. */
  noiseValues: 2 ** 16,
} as const;

/** Bytes of a manifest. Those of this project have about 2,000. */
export const MAX_MANIFEST_BYTES = 2 ** 20;
/** Characters of a path in a manifest: what file systems allow for one name. */
export const MAX_PATH_LENGTH = 255;
/**
 * Bytes of one graph: 67 million weights. The largest shipped one has 3.4 MB. onnxruntime holds a graph about three times
 * while it opens it.
 */
export const MAX_GRAPH_BYTES = 2 ** 28;

/** Objects and lists in each other. A manifest has 4; readers of JSON that recurse overflow the stack at some thousand. */
export const MAX_JSON_DEPTH = 32;
/** Messages in each other in an ONNX model: the limit of protobuf's own readers. A graph in a node's attribute takes 3. */
export const MAX_ONNX_DEPTH = 100;
/** Fields of the messages of an ONNX model. The shipped graphs have below 5,000; taking one apart makes an object of each. */
export const MAX_ONNX_FIELDS = 1_000_000;
