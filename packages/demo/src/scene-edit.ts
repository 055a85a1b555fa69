/** What a hand does to a scene: pure changes of latents, in pixels of the image. */
import { boxFromZWhere, type ObjectLatents, type SceneLatents, type ZWhere, zWhereFromBox } from "@air-onnx/core";

/** Where an object is and how large: the window's centre and side, pixels. */
export interface Placement {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

/** An object smaller than this could not be seen or grabbed. */
export const SMALLEST_SIDE = 3;

export function placementOf(zWhere: ZWhere, imageSize: number): Placement {
  const { xmin, ymin, xmax, ymax } = boxFromZWhere(zWhere, imageSize);
  return { x: (xmin + xmax) / 2, y: (ymin + ymax) / 2, side: xmax - xmin };
}

/** Keeps the centre inside the image and the side between {@link SMALLEST_SIDE} and the image's own. */
export function zWhereOf({ x, y, side }: Placement, imageSize: number): ZWhere {
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
  const half = clamp(side, SMALLEST_SIDE, imageSize) / 2;
  const [cx, cy] = [clamp(x, 0, imageSize), clamp(y, 0, imageSize)];
  return zWhereFromBox({ xmin: cx - half, ymin: cy - half, xmax: cx + half, ymax: cy + half }, imageSize);
}

export function placeObject(scene: SceneLatents, index: number, placement: Placement, imageSize: number): SceneLatents {
  return replaceObject(scene, index, { zWhere: zWhereOf(placement, imageSize) });
}

export function replaceObject(scene: SceneLatents, index: number, change: Partial<ObjectLatents>): SceneLatents {
  return { objects: scene.objects.map((object, i) => (i === index ? { ...object, ...change } : object)) };
}

export function deleteObject(scene: SceneLatents, index: number): SceneLatents {
  return { objects: scene.objects.filter((_, i) => i !== index) };
}

/** The copy comes last, a little to the lower right, or to the upper left where there is no room. */
export function duplicateObject(scene: SceneLatents, index: number, imageSize: number): SceneLatents {
  const original = scene.objects[index]!;
  const { x, y, side } = placementOf(original.zWhere, imageSize);
  const beside = (centre: number) => (centre + side * 0.6 < imageSize ? centre + side * 0.6 : centre - side * 0.6);
  const copy = { zWhat: original.zWhat, zWhere: zWhereOf({ x: beside(x), y: beside(y), side }, imageSize) };
  return { objects: [...scene.objects, copy] };
}

/** The two objects take each other's place. */
export function swapPlaces(scene: SceneLatents, a: number, b: number): SceneLatents {
  const [first, second] = [scene.objects[a]!, scene.objects[b]!];
  return replaceObject(replaceObject(scene, a, { zWhere: second.zWhere }), b, { zWhere: first.zWhere });
}

/** `from` at 0, `to` at 1. */
export function blendWhat(from: ArrayLike<number>, to: ArrayLike<number>, share: number): Float32Array {
  return Float32Array.from({ length: from.length }, (_, z) => (1 - share) * from[z]! + share * to[z]!);
}

/** `zWhat` with another value in one dimension. */
export function withDimension(zWhat: ArrayLike<number>, dimension: number, value: number): Float32Array {
  const changed = Float32Array.from(zWhat);
  changed[dimension] = value;
  return changed;
}
