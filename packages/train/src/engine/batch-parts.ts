/**
 * A training step's batch in equal parts, whose gradients are computed side by side. A loss is a mean over the images, so the
 * mean of the parts' gradients is the batch's.
 */
import type { StepDefinition } from "./engine.js";

/** Least images of a part. With fewer, what a graph costs whatever the batch, some µs an operation, would outweigh them. */
const LEAST_IMAGES = 8;

/**
 * The number of parts for a machine with `cores` free cores; 1 where one graph with as many threads is about as fast.
 *
 * A part costs copies of all parameters and gradients. That pays for a local step network, which has few parameters and much to
 * compute for each image: docs/performance.md has the measurements.
 */
export function partsFor({ config, batchSize, composed }: StepDefinition, cores: number): number {
  if (config.stepNetwork.type !== "local") return 1;
  const images = batchSize + (composed?.images ?? 0);
  for (let parts = Math.min(cores, Math.floor(images / LEAST_IMAGES)); parts > 1; parts--) {
    if (batchSize % parts === 0 && (composed?.images ?? 0) % parts === 0) return parts;
  }
  return 1;
}

/**
 * The step of one of `parts` parts.
 *
 * @throws {RangeError} if the images of a step cannot be shared out evenly
 */
export function partDefinition(definition: StepDefinition, parts: number): StepDefinition {
  const share = (images: number): number => {
    if (images % parts !== 0) throw new RangeError(`${images} images cannot be shared out to ${parts} parts evenly`);
    return images / parts;
  };
  const { batchSize, composed } = definition;
  return {
    ...definition,
    batchSize: share(batchSize),
    composed: composed && { ...composed, images: share(composed.images) },
  };
}

/**
 * The part number `part` of one step's input.
 *
 * @param whole the input of the whole batch
 * @param shape its shape
 * @param partShape shape of the part: that of the whole but for the number of images; the same if the input has no images
 * @returns a view of `whole` where the part lies in one piece, else a new array
 */
export function partOf(
  whole: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  partShape: readonly number[],
  part: number,
): Float32Array<ArrayBuffer> {
  const axis = shape.findIndex((side, i) => side !== partShape[i]);
  if (axis < 0) return whole;
  const [rows, stride, length] = [
    product(shape.slice(0, axis)),
    product(shape.slice(axis)),
    product(partShape.slice(axis)),
  ];
  const row = (index: number): Float32Array<ArrayBuffer> => {
    const begin = index * stride + part * length;
    return whole.subarray(begin, begin + length);
  };
  if (rows === 1) return row(0);
  const own = new Float32Array(rows * length);
  for (let index = 0; index < rows; index++) own.set(row(index), index * length);
  return own;
}

const product = (sides: readonly number[]): number => sides.reduce((total, side) => total * side, 1);
