/**
 * Limits on the size of data from outside, such as a model's folder, which is not trusted. Each limit is far above the
 * needs of this project's models, and low enough that data within it cannot exhaust the process.
 */

/**
 * Largest sizes of a model. They are limited because calls allocate arrays of these sizes, by default for 64 images at a
 * time, before a run has shown that the graphs really have them.
 */
export const modelLimits = {
  /** Side S of an image, pixels. The shipped models take 64; the recurrent network sees all pixels at once. */
  imageSize: 512,
  /** Channels C. Multispectral images have a dozen. */
  channels: 64,
  /** Steps T. The arrays of q(n) and the confusion matrices of counts grow with it. The shipped models have 3. */
  maxSteps: 128,
  /** Units of any layer, channels of a convolution, or dimensions Z of z_what. The shipped models have at most 400. */
  units: 4096,
  /** Layers of the convolution. The shipped models have 2. */
  convolutions: 16,
  /** C·S², values of one image or canvas: 1 MiB as float32, and 64 MiB for a batch of 64. */
  imageValues: 2 ** 18,
  /** T·C·S², values of the canvases of all steps, which inference keeps until it knows the count: 256 MiB for 64 images. */
  canvasValues: 2 ** 20,
  /** T·Z, values of the noise of all steps: 64 MiB for the 250 images of an evaluation's batch. */
  noiseValues: 2 ** 16,
} as const;

/** Most bytes of a manifest. The shipped manifests have about 2,000. */
export const MAX_MANIFEST_BYTES = 2 ** 20;
/** Most characters of a path in a manifest: as many as file systems allow for one name. */
export const MAX_PATH_LENGTH = 255;
/**
 * Most bytes of one graph, enough for 67 million weights. The largest shipped graph has 3.4 MB. While onnxruntime opens a
 * graph it holds about three copies of it.
 */
export const MAX_GRAPH_BYTES = 2 ** 28;

/**
 * Deepest nesting of objects and lists in JSON. A manifest has 4 levels; recursive readers overflow the stack at some
 * thousands.
 */
export const MAX_JSON_DEPTH = 32;
/** Deepest nesting of messages in an ONNX model: the limit of protobuf's own readers. A subgraph adds 3 levels. */
export const MAX_ONNX_DEPTH = 100;
/** Most fields of all messages of an ONNX model, because reading makes an object of each. The shipped graphs have fewer than 5,000. */
export const MAX_ONNX_FIELDS = 1_000_000;
