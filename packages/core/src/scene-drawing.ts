/**
 * The generative half of the model: draws images from latents, which are given or sampled from the prior.
 */

import type { AirConfig } from "./config.js";
import { objectExtents } from "./extent.js";
import { disposeTensors, feedable, type GraphResults, GraphRunner, type GraphSession } from "./graph-run.js";
import { requireInteger } from "./integer-option.js";
import { RandomStream } from "./random.js";
import type { DecodedScene, SceneLatents } from "./scene.js";
import { boxFromZWhere, priorWindow, zWhereFromLatent } from "./where.js";

/** Numbers of the random streams that sampling draws from. */
const PRIOR_COUNT = 1003;
const PRIOR_LATENTS = 1004;

/** Options of `decode`. */
export interface DecodeOptions {
  /** Scenes that go through the graph together, 64 by default. It affects memory and speed only. */
  readonly batchSize?: number | undefined;
  /** Aborts the call, which then rejects with the signal's reason; checked between runs of the graph. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Draws each scene's objects, in their order, onto a black canvas. Decoding an inferred scene gives its reconstruction
 * again.
 *
 * @param images images that the scenes explain, `[B, C, S, S]`: the extents of the objects then have their edges; by default
 *   those of what is drawn
 * @throws {RangeError} for a z_where or z_what of the wrong length, not finite, or a scale of 0
 * @throws {GraphOutputError} if the graph returns NaN, infinity or a wrong shape
 */
export async function decodeScenes(
  decoder: GraphSession,
  config: AirConfig,
  scenes: readonly SceneLatents[],
  { batchSize = 64, signal }: DecodeOptions = {},
  images?: Float32Array,
): Promise<DecodedScene[]> {
  requireInteger("batchSize", batchSize, 1);
  for (const [i, scene] of scenes.entries()) checkLatents(scene, i, config);
  const decoded: DecodedScene[] = [];
  for (let first = 0; first < scenes.length; first += batchSize) {
    const batch = scenes.slice(first, first + batchSize);
    for (const scene of await decodeBatch(decoder, config, batch, first, images, signal)) decoded.push(scene);
  }
  return decoded;
}

async function decodeBatch(
  decoder: GraphSession,
  config: AirConfig,
  scenes: readonly SceneLatents[],
  firstImage: number,
  images: Float32Array | undefined,
  signal: AbortSignal | undefined,
): Promise<DecodedScene[]> {
  const { channels, imageSize, objectSize, zWhatSize } = config;
  const imageLength = channels * imageSize ** 2;
  const patchLength = channels * objectSize ** 2;
  const batch = scenes.length;
  const graph = new GraphRunner(decoder, "decoder", config, batch);
  let canvas = graph.zeros("canvas");
  /** Values of each slot: latents `[B, Z]`, patches `[B, C, O, O]`, and the canvas after it, `[B, C, S, S]`. */
  const drawn: { readonly zWhat: Float32Array; readonly patch: Float32Array; readonly canvas: Float32Array }[] = [];
  /** Results of the slot before, which own the memory of the canvas. */
  let held: GraphResults = {};
  const slots = scenes.reduce((most, scene) => Math.max(most, scene.objects.length), 0);
  try {
    for (let slot = 0; slot < slots; slot++) {
      signal?.throwIfAborted();
      const zWhere = new Float32Array(batch * 3);
      const zWhat = new Float32Array(batch * zWhatSize);
      const presence = new Float32Array(batch);
      scenes.forEach((scene, i) => {
        const object = scene.objects[slot];
        // A scene without an object in this slot goes through the graph as well, with presence 0 and any valid window.
        zWhere.set(object?.zWhere ?? priorWindow(config), 3 * i);
        if (!object) return;
        zWhat.set(object.zWhat, zWhatSize * i);
        presence[i] = 1;
      });
      const results = await graph.run(
        {
          z_where: graph.input("z_where", zWhere),
          z_what: graph.input("z_what", zWhat),
          presence: graph.input("presence", presence),
          canvas,
        },
        ["patch", "next_canvas"],
      );
      disposeTensors(held);
      held = results;
      canvas = feedable(results.next_canvas!);
      const originOf = (row: number) => ({ image: firstImage + row });
      const { next_canvas, patch } = await graph.readAll(results, ["next_canvas", "patch"], originOf);
      drawn.push({ zWhat, patch, canvas: next_canvas });
    }
  } finally {
    disposeTensors(held);
  }
  return scenes.map(({ objects }, i) => {
    const own = drawn.slice(0, objects.length);
    const canvases = own.map((slot) => slot.canvas.subarray(imageLength * i, imageLength * (i + 1)));
    const reconstruction = canvases.at(-1)?.slice() ?? new Float32Array(imageLength);
    const layers = canvases.map((after, slot) => ({ before: canvases[slot - 1], after }));
    const windows = objects.map(({ zWhere }) => zWhere);
    const start = (firstImage + i) * imageLength;
    const image = images?.subarray(start, start + imageLength);
    const extents = objectExtents(windows, layers, reconstruction, image, config);
    return {
      count: objects.length,
      objects: own.map(({ zWhat, patch }, slot) => ({
        presence: 1,
        score: 1,
        box: boxFromZWhere(windows[slot]!, imageSize),
        ...extents[slot]!,
        zWhere: windows[slot]!,
        zWhat: zWhat.slice(zWhatSize * i, zWhatSize * (i + 1)),
        patch: patch.slice(patchLength * i, patchLength * (i + 1)),
      })),
      reconstruction,
    };
  });
}

/**
 * Replaces the prior probability of one more object in a model's configuration, for example by one that was fitted to the
 * images after training. The usual sparse prior serves to penalise objects and says little about how many there are.
 *
 * @throws {RangeError} unless 0 < presence < 1
 */
export function withPresencePrior(config: AirConfig, presence: number): AirConfig {
  if (!(presence > 0 && presence < 1)) {
    throw new RangeError(`A presence prior must be above 0 and below 1, got ${presence}`);
  }
  return { ...config, prior: { ...config.prior, presence } };
}

/**
 * Draws the latents of `n` scenes from the model's prior. Scene i depends on (seed, i) only, and its first objects are
 * the same for every count.
 *
 * @param count number of objects of every scene; drawn from p(n) if not given, which for the usual sparse prior is mostly 0
 * @throws {RangeError} for an `n` or `count` that is not a non-negative integer, or an invalid seed
 */
export function samplePrior(config: AirConfig, n: number, seed: number, count?: number): SceneLatents[] {
  requireInteger("n", n, 0);
  if (count !== undefined) requireInteger("count", count, 0);
  const { whereMean, whereStd } = config.prior;
  return Array.from({ length: n }, (_, scene) => ({
    objects: Array.from({ length: count ?? drawCount(config, seed, scene) }, (_, slot) => {
      const stream = new RandomStream(seed, PRIOR_LATENTS, scene, slot);
      const where = (axis: 0 | 1 | 2): number => whereMean[axis] + whereStd[axis] * stream.normal();
      const zWhere = zWhereFromLatent(config, [where(0), where(1), where(2)]);
      return { zWhere, zWhat: stream.fillNormal(new Float32Array(config.zWhatSize)) };
    }),
  }));
}

function drawCount(config: AirConfig, seed: number, scene: number): number {
  const stream = new RandomStream(seed, PRIOR_COUNT, scene);
  let count = 0;
  while (count < config.maxSteps && stream.uniform() < config.prior.presence) count++;
  return count;
}

function checkLatents(scene: SceneLatents | undefined, i: number, config: AirConfig): void {
  if (!Array.isArray(scene?.objects)) throw new RangeError(`scene ${i} must have its \`objects\`, a list of latents`);
  // Not forEach or every, which skip the holes of a sparse array.
  for (const [slot, latents] of (scene.objects as SceneLatents["objects"]).entries()) {
    const object = `object ${slot} of scene ${i}`;
    const zWhere = Array.from(latents?.zWhere ?? []);
    const { zWhat = [] } = latents ?? {};
    if (zWhere.length !== 3 || !zWhere.every(Number.isFinite) || zWhere[0] === 0) {
      throw new RangeError(
        `z_where of ${object} must be finite numbers [s, x, y] with s not 0, got [${zWhere.join(", ")}]`,
      );
    }
    if (zWhat.length !== config.zWhatSize || !Array.from(zWhat).every(Number.isFinite)) {
      throw new RangeError(
        `z_what of ${object} must be ${config.zWhatSize} finite numbers, got ${zWhat.length}: ${Array.prototype.slice.call(zWhat, 0, 4).join(", ")}, …`,
      );
    }
  }
}
