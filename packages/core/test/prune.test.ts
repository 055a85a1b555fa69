import { describe, expect, it } from "vitest";
import { inferScenes } from "../src/attention-loop.js";
import { parseAirConfig } from "../src/config.js";
import { neededObjects as neededOf } from "../src/prune.js";
import { RandomStream } from "../src/random.js";
import { toyBatch, toyConfig, toyImage, toySessions } from "./toy-model.js";

const layer = (...values: number[]): Float32Array => Float32Array.from(values);
/** Canvases after each object, from what each object adds. */
function neededObjects(image: Float32Array, layers: readonly Float32Array[]): readonly number[] {
  const canvases = layers.map((_, n) => image.map((_, i) => layers.slice(0, n + 1).reduce((sum, l) => sum + l[i]!, 0)));
  const { needed, canvas } = neededOf(image, canvases);
  const left = image.map((_, i) => needed.reduce((sum, object) => sum + layers[object]![i]!, 0));
  if (needed.length === 0) expect(canvas).toBeUndefined();
  else canvas!.forEach((value, i) => void expect(value).toBeCloseTo(left[i]!, 6));
  return needed;
}
const distance = (image: Float32Array, layers: readonly Float32Array[]): number =>
  image.reduce((sum, value, i) => sum + (value - layers.reduce((canvas, each) => canvas + each[i]!, 0)) ** 2, 0);

describe("neededObjects", () => {
  it("keeps objects that explain something, and leaves out those that draw nothing or something already drawn", () => {
    const image = layer(1, 1, 0, 0.5);
    const [left, right, nothing] = [layer(1, 1, 0, 0), layer(0, 0, 0, 0.5), layer(0, 0, 0, 0)];
    expect(neededObjects(image, [nothing, left, right])).toEqual([1, 2]);
    expect(neededObjects(image, [left, nothing, right])).toEqual([0, 2]);
    // An object that draws a part of what a later object draws whole.
    expect(neededObjects(image, [layer(0.6, 0, 0, 0), right, left])).toEqual([1, 2]);
    expect(neededObjects(layer(0, 0, 0, 0), [layer(0.01, 0, 0, 0)])).toEqual([]);
    expect(neededObjects(image, [])).toEqual([]);
  });

  it("keeps both halves of an object that two share", () => {
    expect(neededObjects(layer(1, 1), [layer(0.5, 0.5), layer(0.5, 0.5)])).toEqual([0, 1]);
  });

  it("never moves the canvas away from the image, and leaves no object that could still be removed", () => {
    const stream = new RandomStream(3);
    for (let trial = 0; trial < 200; trial++) {
      const draw = (): Float32Array => Float32Array.from({ length: 9 }, () => Math.max(0, stream.uniform() - 0.4));
      const image = draw();
      const layers = Array.from({ length: 1 + stream.integer(4) }, draw);
      const kept = neededObjects(image, layers).map((i) => layers[i]!);
      expect(distance(image, kept)).toBeLessThanOrEqual(distance(image, layers) + 1e-6);
      for (const each of kept) {
        const rest = kept.filter((other) => other !== each);
        expect(distance(image, rest)).toBeGreaterThan(distance(image, kept) - 1e-6);
      }
    }
  });
});

describe("inferScenes with prune", () => {
  const images = toyBatch([toyImage(1, 1), toyImage(1)]);
  /** The first step of the toy draws nothing, the second one pixel of the image. */
  const sessions = () =>
    toySessions((outputs, step) => ({
      ...outputs,
      next_canvas: outputs.next_canvas!.map((value, i) => {
        const before = value - outputs.patch![0]!;
        return step === 2 && i === 0 ? before + 0.9 : before;
      }),
    }));

  it("leaves out objects that explain nothing, and does not change the other objects or the posterior", async () => {
    const [all] = await inferScenes(sessions(), toyConfig, images, { prune: false });
    const [two, one] = await inferScenes(sessions(), toyConfig, images);
    expect(all!.count).toBe(2);
    expect(two!.count).toBe(1);
    expect(two!.objects).toEqual([all!.objects[1]]);
    expect(two!.reconstruction[0]).toBeCloseTo(0.9, 6);
    expect(two).toMatchObject({ countProbabilities: all!.countProbabilities, elbo: all!.elbo, steps: all!.steps });
    expect(one).toMatchObject({ count: 0, objects: [] });
    expect(Math.max(...one!.reconstruction)).toBe(0);
  });

  it("changes nothing where every object is needed", async () => {
    const bright = toyImage(...new Array<number>(16).fill(1));
    const faint = () =>
      toySessions((outputs) => ({
        ...outputs,
        next_canvas: outputs.next_canvas!.map((value) => value - outputs.patch![0]! + 0.3),
      }));
    const pruned = await inferScenes(faint(), toyConfig, bright);
    expect(pruned).toEqual(await inferScenes(faint(), toyConfig, bright, { prune: false }));
    expect(pruned[0]!.count).toBe(3);
  });

  it("keeps all objects of a draw from the posterior unless asked to prune", async () => {
    const [drawn] = await inferScenes(sessions(), toyConfig, images, { mode: "sample" });
    expect(drawn).toEqual((await inferScenes(sessions(), toyConfig, images, { mode: "sample", prune: false }))[0]);
    const pruned = await inferScenes(sessions(), toyConfig, images, { mode: "sample", prune: true });
    expect(pruned[0]!.count).toBeLessThan(drawn!.count);
  });

  it("is refused, and not the default, for a model whose canvas is not a sum", async () => {
    const bernoulli = parseAirConfig({ ...toyConfig, likelihood: { type: "bernoulli" } });
    expect((await inferScenes(toySessions(), bernoulli, images))[0]!.count).toBe(2);
    await expect(inferScenes(toySessions(), bernoulli, images, { prune: true })).rejects.toThrow(
      /prune is for models with a Gaussian likelihood; this one's is bernoulli/,
    );
  });
});
