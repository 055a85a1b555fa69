/**
 * Inference at several zooms. A model knows objects of the sizes that it was trained on. A picture with larger ones is made
 * smaller, placed in the middle of an empty image, and inferred; the objects that are found get their windows in the picture's
 * own pixels, and the decoder draws them there. So every zoom explains the same pixels, and the explanations can be compared.
 *
 * Letters: B images, S image side, C channels.
 */
import type { AirConfig } from "./config.js";
import type { DecodedScene, ObjectLatents, Scene, SceneLatents, SceneObject, SceneSummary } from "./scene.js";
import type { ZWhere } from "./where.js";

/** Shares of a picture's size that it is inferred at with `zoom: "auto"`. */
export const AUTO_ZOOMS: readonly number[] = [1, 0.85, 0.7, 0.55, 0.42, 0.35];
/** Smallest share of a picture's size that it can be inferred at. */
export const LEAST_ZOOM = 0.1;
/** Most zooms of one call. */
export const MOST_ZOOMS = 32;

/**
 * The zooms that the option `zoom` asks for, the largest first, each once.
 *
 * @throws {RangeError} unless it is `auto`, or 1 to {@link MOST_ZOOMS} numbers from {@link LEAST_ZOOM} to 1
 */
export function zoomsOf(zoom: "auto" | readonly number[]): readonly number[] {
  if (zoom === "auto") return AUTO_ZOOMS;
  const isValid = (value: unknown): boolean => typeof value === "number" && value >= LEAST_ZOOM && value <= 1;
  if (!Array.isArray(zoom) || zoom.length === 0 || zoom.length > MOST_ZOOMS || ![...zoom].every(isValid)) {
    const given = Array.isArray(zoom) ? `[${zoom.slice(0, MOST_ZOOMS).join(", ")}]` : String(zoom);
    throw new RangeError(`zoom must be "auto", or 1 to ${MOST_ZOOMS} numbers from ${LEAST_ZOOM} to 1, got ${given}`);
  }
  return [...new Set(zoom as readonly number[])].sort((a, b) => b - a);
}

/** The parts of inference that {@link inferAtZooms} uses. */
export interface ZoomInference {
  /** Configuration of the model, whose likelihood is Gaussian. */
  readonly config: AirConfig;
  /** Infers the scenes of images `[B, C, S, S]`. */
  infer(images: Float32Array): Promise<readonly Scene[]>;
  /** Draws scenes; their masks and tight boxes have the edges of `images`, `[B, C, S, S]`. */
  decode(scenes: readonly SceneLatents[], images: Float32Array): Promise<readonly DecodedScene[]>;
}

/** Options of {@link inferAtZooms}. */
export interface ZoomOptions {
  /** Shares of the size, the largest first. */
  readonly zooms: readonly number[];
  /** Least score of an object, which is left out of the scene that is kept otherwise. */
  readonly threshold: number;
}

/**
 * Infers each image at every one of `zooms` and keeps the scene with the largest ELBO of the image's own pixels, among those
 * that are typical of the training data, or among all if none is or typicality is not judged. The ELBO at a zoom is log p(image |
 * objects drawn at their windows in the image) less the scene's KL terms; of equal ones, the largest zoom is kept.
 *
 * @param images `[B, C, S, S]`, intensities in [0, 1]
 * @returns scenes whose windows, boxes, masks, reconstructions and ELBOs are those of `images`
 */
export async function inferAtZooms(
  { config, infer, decode }: ZoomInference,
  images: Float32Array,
  { zooms, threshold }: ZoomOptions,
): Promise<Scene[]> {
  const length = config.channels * config.imageSize ** 2;
  const size = images.length / length;
  const best: (Scene | undefined)[] = new Array(size).fill(undefined);
  for (const zoom of zooms) {
    const zoomed = zoom === 1 ? images : zoomOut(images, zoom, config);
    const inferred = await infer(zoomed);
    const scenes = zoom === 1 ? inferred : await inOwnPixels(zoom, inferred, zoomed);
    scenes.forEach((scene, i) => {
      const kept = best[i];
      if (kept === undefined || isBetter(scene, kept)) best[i] = { ...scene, zoom };
    });
  }
  return aboveThreshold(best as Scene[]);

  async function inOwnPixels(zoom: number, inferred: readonly Scene[], zoomed: Float32Array): Promise<Scene[]> {
    const latents = inferred.map(({ objects }) => ({ objects: objects.map((each) => unzoomed(each, zoom)) }));
    const drawn = await decode(latents, images);
    return inferred.map((scene, i) => {
      const { objects, reconstruction } = drawn[i]!;
      const at = (batch: Float32Array): Float32Array => batch.subarray(i * length, (i + 1) * length);
      const difference =
        logLikelihood(at(images), reconstruction, config) - logLikelihood(at(zoomed), scene.reconstruction, config);
      return {
        ...scene,
        objects: objects.map((each, slot) => judgedAs(each, scene.objects[slot]!)),
        reconstruction,
        elbo: scene.elbo + difference,
      };
    });
  }

  /** Leaves objects out by their scores; the others are drawn again without them. */
  async function aboveThreshold(scenes: readonly Scene[]): Promise<Scene[]> {
    const left = scenes.map((scene) => scene.objects.filter(({ score }) => score >= threshold));
    const changed = [...scenes.keys()].filter((i) => left[i]!.length < scenes[i]!.objects.length);
    if (changed.length === 0) return [...scenes];
    const own = new Float32Array(changed.length * length);
    changed.forEach((i, row) => void own.set(images.subarray(i * length, (i + 1) * length), row * length));
    const drawn = await decode(
      changed.map((i) => ({ objects: left[i]! })),
      own,
    );
    return scenes.map((scene, i) => {
      const row = changed.indexOf(i);
      if (row < 0) return scene;
      const { count, objects, reconstruction } = drawn[row]!;
      const judged = objects.map((each, slot) => judgedAs(each, left[i]![slot]!));
      return { ...scene, count, objects: judged, reconstruction };
    });
  }
}

/** The object `drawn`, with the probabilities of `found`. */
function judgedAs(drawn: SceneObject, { presence, score }: SceneObject): SceneObject {
  return { ...drawn, presence, score };
}

function isBetter(scene: SceneSummary, kept: SceneSummary): boolean {
  const [typical, keptTypical] = [scene.typical === true, kept.typical === true];
  return typical === keptTypical ? scene.elbo > kept.elbo : typical;
}

/** The object of an image made smaller by {@link zoomOut}, with its window in the image itself. */
function unzoomed({ zWhere: [s, x, y], zWhat }: ObjectLatents, zoom: number): ObjectLatents {
  const zWhere: ZWhere = [s * zoom, x, y];
  return { zWhere, zWhat };
}

/** log p(image | canvas) less its constant, nats: −Σ (image − canvas)² / 2σ². */
function logLikelihood(image: Float32Array, canvas: Float32Array, { likelihood }: AirConfig): number {
  if (likelihood.type !== "gaussian") throw new RangeError("zoom is for models with a Gaussian likelihood");
  let squares = 0;
  for (let i = 0; i < image.length; i++) squares += (image[i]! - canvas[i]!) ** 2;
  return -squares / (2 * likelihood.std ** 2);
}

/**
 * Makes images smaller, in the middle of black ones of the same size. A pixel of the result is the mean of the part of the
 * image that it covers.
 *
 * @param images `[B, C, S, S]`
 * @param zoom share of the size, in (0, 1]
 */
export function zoomOut(
  images: Float32Array,
  zoom: number,
  { imageSize: side }: Pick<AirConfig, "imageSize">,
): Float32Array<ArrayBuffer> {
  const covers = Array.from({ length: side }, (_, i) => coverage(i, zoom, side));
  const result = new Float32Array(images.length);
  const rows = new Float32Array(side * side);
  for (let plane = 0; plane < images.length; plane += side * side) {
    rows.fill(0);
    covers.forEach(({ first, weights }, y) => {
      weights.forEach((weight, k) => {
        const from = plane + (first + k) * side;
        for (let x = 0; x < side; x++) rows[y * side + x]! += weight * images[from + x]!;
      });
    });
    covers.forEach(({ first, weights }, x) => {
      for (let y = 0; y < side; y++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k]! * rows[y * side + first + k]!;
        result[plane + y * side + x] = sum;
      }
    });
  }
  return result;
}

/** The pixels of a row of the image that pixel `i` of the smaller one covers, and the share of it that each of them fills. */
function coverage(i: number, zoom: number, side: number): { readonly first: number; readonly weights: number[] } {
  const edge = (at: number): number => (at - side / 2) / zoom + side / 2;
  const [begin, end] = [Math.max(0, edge(i)), Math.min(side, edge(i + 1))];
  const first = Math.floor(begin);
  const weights: number[] = [];
  for (let k = first; k < end; k++) weights.push((Math.min(k + 1, end) - Math.max(k, begin)) * zoom);
  return { first, weights };
}
