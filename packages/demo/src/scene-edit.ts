/** Edits of a scene: pure functions on latents, with positions in pixels of the image. */
import { boxFromZWhere, type ObjectLatents, type SceneLatents, type ZWhere, zWhereFromBox } from "@air-onnx/core";

/** Position and size of an object: its window's centre and side, pixels. */
export interface Placement {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

/** Smallest side of an object, pixels; a smaller one could not be seen or grabbed. */
export const SMALLEST_SIDE = 3;

export function placementOf(zWhere: ZWhere, imageSize: number): Placement {
  const { xmin, ymin, xmax, ymax } = boxFromZWhere(zWhere, imageSize);
  return { x: (xmin + xmax) / 2, y: (ymin + ymax) / 2, side: xmax - xmin };
}

/** Converts a placement to z_where. Keeps the centre inside the image and the side from {@link SMALLEST_SIDE} to the image's. */
export function zWhereFromPlacement({ x, y, side }: Placement, imageSize: number): ZWhere {
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
  const half = clamp(side, SMALLEST_SIDE, imageSize) / 2;
  const [cx, cy] = [clamp(x, 0, imageSize), clamp(y, 0, imageSize)];
  return zWhereFromBox({ xmin: cx - half, ymin: cy - half, xmax: cx + half, ymax: cy + half }, imageSize);
}

export function placeObject(scene: SceneLatents, index: number, placement: Placement, imageSize: number): SceneLatents {
  return replaceObject(scene, index, { zWhere: zWhereFromPlacement(placement, imageSize) });
}

export function replaceObject(scene: SceneLatents, index: number, change: Partial<ObjectLatents>): SceneLatents {
  return { objects: scene.objects.map((object, i) => (i === index ? { ...object, ...change } : object)) };
}

export function deleteObject(scene: SceneLatents, index: number): SceneLatents {
  return { objects: scene.objects.filter((_, i) => i !== index) };
}

/** Adds a copy of an object as the last one, a little to the lower right, or to the upper left where there is no room. */
export function duplicateObject(scene: SceneLatents, index: number, imageSize: number): SceneLatents {
  const original = scene.objects[index]!;
  const { x, y, side } = placementOf(original.zWhere, imageSize);
  const beside = (centre: number) => (centre + side * 0.6 < imageSize ? centre + side * 0.6 : centre - side * 0.6);
  const copy = { zWhat: original.zWhat, zWhere: zWhereFromPlacement({ x: beside(x), y: beside(y), side }, imageSize) };
  return { objects: [...scene.objects, copy] };
}

/** Swaps the windows of two objects. */
export function swapPlaces(scene: SceneLatents, a: number, b: number): SceneLatents {
  const [first, second] = [scene.objects[a]!, scene.objects[b]!];
  return replaceObject(replaceObject(scene, a, { zWhere: second.zWhere }), b, { zWhere: first.zWhere });
}

/** Interpolates two codes: `from` at share 0, `to` at share 1. */
export function blendWhat(from: ArrayLike<number>, to: ArrayLike<number>, share: number): Float32Array {
  return Float32Array.from({ length: from.length }, (_, z) => (1 - share) * from[z]! + share * to[z]!);
}

/** Copies `zWhat` with another value in one dimension. */
export function withDimension(zWhat: ArrayLike<number>, dimension: number, value: number): Float32Array {
  const changed = Float32Array.from(zWhat);
  changed[dimension] = value;
  return changed;
}
