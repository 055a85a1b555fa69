import type { Tensor } from "onnxruntime-common";
import { describe, expect, it } from "vitest";
import {
  EARLY_STOP_TOLERANCE,
  type InferenceOptions,
  inferScenes as infer,
  type StepReport,
} from "../src/attention-loop.js";
import { GraphOutputError, GraphRunError } from "../src/errors.js";
import { RandomStream } from "../src/random.js";
import type { Scene } from "../src/scene.js";
import { toyBatch, toyConfig, toyImage, toyLogit, toySessions } from "./toy-model.js";

/** Options that keep all objects; prune.test.ts tests leaving some out. */
const inferScenes = (...[sessions, config, images, options]: Parameters<typeof infer>): Promise<Scene[]> =>
  infer(sessions, config, images, { prune: false, ...options } as InferenceOptions);

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Images with every mixture of sure, likely and even presence. */
function manyImages(n: number): Float32Array[] {
  const stream = new RandomStream(5);
  const levels = [0, 0.02, 0.4, 0.5, 0.55, 0.9, 1];
  const level = (): number => levels[stream.integer(levels.length)]!;
  return Array.from({ length: n }, () => toyImage(level(), level(), level(), level()));
}

describe("inferScenes", () => {
  it("counts the objects of each image and makes one object per counted step", async () => {
    const images = toyBatch([toyImage(0), toyImage(1), toyImage(1, 1), toyImage(1, 1, 1), toyImage(0, 1, 1)]);
    const scenes = await inferScenes(toySessions(), toyConfig, images);
    expect(scenes.map(({ count }) => count)).toEqual([0, 1, 2, 3, 0]);
    for (const { count, objects } of scenes) expect(objects).toHaveLength(count);
  });

  it("takes 256 images at a time by default, and fewer large ones", async () => {
    const sessions = toySessions();
    await infer(sessions, toyConfig, toyBatch(new Array(300).fill(toyImage(0))));
    expect(sessions.encoder.runs.map(({ batch }) => batch)).toEqual([256, 44]);
    const stop = {
      run: async (feeds: unknown) => Promise.reject(new Error(`${(feeds as { image: Tensor }).image.dims}`)),
    };
    for (const [side, batch] of [
      [200, 26],
      [400, 16],
    ] as const) {
      const config = { ...toyConfig, imageSize: side };
      const call = infer({ encoder: stop, step: stop }, config, new Float32Array(30 * side ** 2));
      await expect(call).rejects.toThrow(`${batch},1,${side},${side}`);
    }
  });

  it("leaves out the pixels on request, and nothing else", async () => {
    const images = toyBatch(manyImages(9));
    for (const options of [{}, { prune: false }, { mode: "sample", seed: 4 }] as const) {
      const whole = await infer(toySessions(), toyConfig, images, options);
      const summaries = await infer(toySessions(), toyConfig, images, { ...options, pixels: false });
      const expected = whole.map(({ reconstruction: _, ...scene }) => ({
        ...scene,
        objects: scene.objects.map(({ patch: __, mask: ___, ...object }) => object),
      }));
      expect(summaries).toStrictEqual(expected);
    }
  });

  it("does not ask the graph for pixels that nobody needs", async () => {
    const read = async (options: { pixels: false; prune: boolean }): Promise<readonly string[]> => {
      const sessions = toySessions();
      await infer(sessions, toyConfig, toyImage(1), options);
      return sessions.step.runs[0]!.outputs;
    };
    expect(await read({ pixels: false, prune: false })).not.toContain("patch");
    expect(await read({ pixels: false, prune: true })).not.toContain("patch");
  });

  it("reports each object's box, latents, patch and probability of presence", async () => {
    const [scene] = await inferScenes(toySessions(), toyConfig, toyImage(0.6, 0.55, 0));
    const [p1, p2] = [sigmoid(toyLogit(0.6)), sigmoid(toyLogit(0.55))];
    expect(scene!.count).toBe(2);
    const [first, second] = scene!.objects;
    expect(first!.presence).toBeCloseTo(p1, 12);
    expect(second!.presence).toBeCloseTo(p1 * p2, 12);
    expect(scene!.countProbabilities).toHaveLength(4);
    [1 - p1, p1 * (1 - p2), p1 * p2, 0].forEach((q, n) => {
      expect(scene!.countProbabilities[n]).toBeCloseTo(q, 6);
    });
    // The first step starts from zero latents: s = 2 + pixel, x = 0, y = -0.1; 4 pixels wide.
    expect(first!.zWhere[0]).toBeCloseTo(2.6, 6);
    expect(first!.box.xmax - first!.box.xmin).toBeCloseTo(4 / 2.6, 6);
    expect((first!.box.ymin + first!.box.ymax) / 2).toBeCloseTo(2 * (1 + 0.1 / 2.6), 6);
    expect(first!.zWhat).toHaveLength(2);
    expect(first!.patch).toHaveLength(4);
    // Each step writes its patch's value on the whole canvas.
    expect(scene!.reconstruction[7]).toBeCloseTo(first!.patch[0]! + second!.patch[0]!, 6);
  });

  it("finds each object's extent by the image, pruned or not", async () => {
    const image = toyImage(0.6, 0.55, 0);
    image.fill(1, 4, 12);
    for (const prune of [false, true]) {
      const [scene] = await inferScenes(toySessions(), toyConfig, image, { prune });
      expect(scene!.count).toBeGreaterThan(0);
      for (const { tightBox, mask } of scene!.objects) {
        // The windows reach over the last row of the image, which is black.
        expect(tightBox.ymax).toBe(3);
        expect(mask.subarray(5, 7)).toEqual(Uint8Array.of(1, 1));
        expect(mask.subarray(12)).toEqual(new Uint8Array(4));
      }
    }
  });

  it("reconstructs an image without objects as black", async () => {
    const [scene] = await inferScenes(toySessions(), toyConfig, toyImage(0));
    expect(scene).toMatchObject({ count: 0, objects: [], reconstruction: new Float32Array(16) });
  });

  it("sums the evidence lower bound over all counts", async () => {
    for (const pixels of [
      [0.5, 0.5, 0.5],
      [0.52, 0.48, 0.5],
      [0, 0.5, 0.5],
      [1, 1, 1],
      [0.1, 1, 0.3],
    ]) {
      const image = toyImage(...pixels);
      const steps: StepReport[] = [];
      const [scene] = await inferScenes(toySessions(), toyConfig, image, {
        earlyStop: false,
        onStep: (report) => void steps.push(report),
      });
      const p = pixels.map((pixel) => sigmoid(toyLogit(pixel)));
      const prior = toyConfig.prior.presence;
      let expected = 0;
      for (let n = 0; n <= 3; n++) {
        const present = p.slice(0, n).reduce((a, b) => a * b, 1);
        const q = n === 3 ? present : present * (1 - p[n]!);
        if (q === 0) continue;
        const logPrior = n * Math.log(prior) + (n === 3 ? 0 : Math.log(1 - prior));
        const canvas = n === 0 ? new Float32Array(16) : steps[n - 1]!.canvas;
        const logLikelihood = -image.reduce((sum, v, i) => sum + (v - canvas[i]!) ** 2, 0);
        const kl = steps.slice(0, n).reduce((sum, step) => sum + step.kl[0]!, 0);
        expected += q * (logLikelihood - kl + logPrior - Math.log(q));
      }
      expect(scene!.elbo).toBeCloseTo(expected, 5);
    }
  });

  it("stops early when no image has an object left, without changing counts or objects", async () => {
    for (const mode of ["mean", "sample"] as const) {
      for (const image of manyImages(60)) {
        const full = await inferScenes(toySessions(), toyConfig, image, { mode, earlyStop: false, steps: 4 });
        const short = await inferScenes(toySessions(), toyConfig, image, { mode, steps: 4 });
        expect(full[0]!.steps).toBe(4);
        expect(short[0]!.count).toBe(full[0]!.count);
        expect(short[0]!.objects).toEqual(full[0]!.objects);
        expect(short[0]!.reconstruction).toEqual(full[0]!.reconstruction);
        expect(short[0]!.countProbabilities).toHaveLength(5);
        expect(short[0]!.countProbabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
        full[0]!.countProbabilities.forEach((q, n) => {
          expect(Math.abs(q - short[0]!.countProbabilities[n]!)).toBeLessThanOrEqual(EARLY_STOP_TOLERANCE);
        });
      }
    }
  });

  it("does not stop before an improbable object that the drawn count includes", async () => {
    // This seed draws a count above 0 where q(n > 0) = 9.7e-5, which the most probable count could stop at.
    const image = toyImage(0.269, 1);
    const [drawn] = await inferScenes(toySessions(), toyConfig, image, { mode: "sample", seed: 17547 });
    expect(drawn).toMatchObject({ count: 2, steps: 3 });
    const [usual] = await inferScenes(toySessions(), toyConfig, image, { mode: "sample", seed: 0 });
    expect(usual).toMatchObject({ count: 0, steps: 1 });
  });

  it("runs one step more for an image than it has objects, whatever the other images of the batch are", async () => {
    const stepsOf = async (...images: Float32Array[]): Promise<number[]> =>
      (await inferScenes(toySessions(), toyConfig, toyBatch(images))).map(({ steps }) => steps);
    expect(await stepsOf(toyImage(0))).toEqual([1]);
    expect(await stepsOf(toyImage(0), toyImage(1))).toEqual([1, 2]);
    expect(await stepsOf(toyImage(0.4))).toEqual([2]);
    expect(await stepsOf(toyImage(1, 1, 1))).toEqual([3]);
  });

  it("lets images leave the batch when they are finished", async () => {
    const images = toyBatch([toyImage(1), toyImage(0), toyImage(1, 1), toyImage(0), toyImage(1, 1, 1)]);
    const sessions = toySessions();
    const scenes = await inferScenes(sessions, toyConfig, images, { steps: 4 });
    expect(sessions.step.runs.map(({ batch }) => batch)).toEqual([5, 3, 2, 1]);
    expect(scenes.map(({ steps }) => steps)).toEqual([2, 1, 3, 1, 4]);
    for (const mode of ["mean", "sample"] as const) {
      const many = toyBatch(manyImages(40));
      const together = await inferScenes(toySessions(), toyConfig, many, { mode, seed: 2 });
      expect(await inferScenes(toySessions(), toyConfig, many, { mode, seed: 2, batchSize: 1 })).toEqual(together);
    }
  });

  it("keeps a batch whole when hardly any image could leave", async () => {
    const sessions = toySessions();
    await inferScenes(sessions, toyConfig, toyBatch([toyImage(0), ...new Array(9).fill(toyImage(1, 1, 1))]));
    expect(sessions.step.runs.map(({ batch }) => batch)).toEqual([10, 10, 10]);
  });

  it.each(["it is reported", "the device holds it", "the device wants it whole"])(
    "keeps a batch together if %s, to the same scenes",
    async (why) => {
      const images = toyBatch(manyImages(20));
      const sessions = toySessions();
      const step = Object.assign(
        sessions.step,
        why === "the device holds it" ? { resident: (each: Tensor) => Promise.resolve(each) } : {},
        why === "the device wants it whole" ? { keepsBatch: true } : {},
      );
      const onStep = why === "it is reported" ? () => {} : undefined;
      const scenes = await inferScenes({ ...sessions, step }, toyConfig, images, { onStep });
      expect(new Set(step.runs.map(({ batch }) => batch))).toEqual(new Set([20]));
      expect(scenes).toEqual(await inferScenes(toySessions(), toyConfig, images));
    },
  );

  it("looks for more objects than the model was trained for, if asked", async () => {
    const [scene] = await inferScenes(toySessions(), toyConfig, toyImage(1, 1, 1, 1, 1), { steps: 6 });
    expect(scene).toMatchObject({ count: 5, steps: 6 });
    expect(scene!.countProbabilities).toHaveLength(7);
  });

  it("gives an image the same scene in every batch", async () => {
    const images = toyBatch(manyImages(11));
    for (const mode of ["mean", "sample"] as const) {
      const options = { mode, seed: 3, earlyStop: false };
      const whole = await inferScenes(toySessions(), toyConfig, images, options);
      const sessions = toySessions();
      expect(await inferScenes(sessions, toyConfig, images, { ...options, batchSize: 4 })).toEqual(whole);
      expect(sessions.encoder.runs.map(({ batch }) => batch)).toEqual([4, 4, 3]);
      expect(await inferScenes(toySessions(), toyConfig, images, { ...options, batchSize: 1 })).toEqual(whole);
    }
  });

  it("samples latents as a function of the seed", async () => {
    const images = toyBatch([toyImage(1, 1), toyImage(1, 1)]);
    const sampled = (seed: number) => inferScenes(toySessions(), toyConfig, images, { mode: "sample", seed });
    const scenes = await sampled(1);
    expect(await sampled(1)).toEqual(scenes);
    expect((await sampled(2))[0]!.objects[0]!.zWhat).not.toEqual(scenes[0]!.objects[0]!.zWhat);
    // Equal images at different places draw different noise.
    expect(scenes[1]!.objects[0]!.zWhat).not.toEqual(scenes[0]!.objects[0]!.zWhat);
    const [mean] = await inferScenes(toySessions(), toyConfig, images);
    expect(mean!.objects[0]!.zWhat).not.toEqual(scenes[0]!.objects[0]!.zWhat);
  });

  it("draws z_where and z_what with unit noise around the means", async () => {
    const n = 2000;
    const images = toyBatch(Array.from({ length: n }, () => toyImage(1)));
    const scenes = await inferScenes(toySessions(), toyConfig, images, { mode: "sample", batchSize: 500 });
    const noise = scenes.flatMap(({ objects }) => [(objects[0]!.zWhere[1] - 0) / 0.3, objects[0]!.zWhat[1]! - 1]);
    const mean = noise.reduce((a, b) => a + b) / noise.length;
    const variance = noise.reduce((sum, v) => sum + v * v, 0) / noise.length;
    expect(Math.abs(mean)).toBeLessThan(0.06);
    expect(Math.abs(variance - 1)).toBeLessThan(0.1);
  });

  it("draws the count from q(n)", async () => {
    const n = 4000;
    const image = toyImage(0.52, 0.5, 0.49);
    const images = toyBatch(Array.from({ length: n }, () => image));
    const scenes = await inferScenes(toySessions(), toyConfig, images, { mode: "sample", batchSize: 1000 });
    const frequencies = [0, 1, 2, 3].map((count) => scenes.filter((scene) => scene.count === count).length / n);
    scenes[0]!.countProbabilities.forEach((q, count) => {
      expect(Math.abs(frequencies[count]! - q)).toBeLessThan(0.03);
    });
  });

  it("reports each step of each batch, and only then asks for glimpses", async () => {
    const sessions = toySessions();
    const images = toyBatch([toyImage(1), toyImage(1), toyImage(1, 1)]);
    const reports: StepReport[] = [];
    await inferScenes(sessions, toyConfig, images, {
      batchSize: 2,
      onStep: async (report) => {
        await Promise.resolve();
        reports.push(report);
      },
    });
    expect(reports.map(({ firstImage, step }) => [firstImage, step])).toEqual([
      [0, 1],
      [0, 2],
      [2, 1],
      [2, 2],
      [2, 3],
    ]);
    const [first] = reports;
    expect(first!.glimpse).toHaveLength(8);
    expect(first!.canvas).toHaveLength(32);
    expect(first!.zWhere).toHaveLength(6);
    expect(first!.presence[0]).toBeCloseTo(1, 8);

    const quiet = toySessions();
    await inferScenes(quiet, toyConfig, images);
    expect(quiet.step.runs.every(({ outputs }) => !outputs.includes("glimpse"))).toBe(true);
    expect(quiet.encoder.runs).toHaveLength(1);
  });

  it.each([
    ["presence_logit", Number.NaN],
    ["next_canvas", Number.POSITIVE_INFINITY],
    ["kl_what", Number.NEGATIVE_INFINITY],
    ["patch", Number.NaN],
  ])("says where %s becomes %d", async (output, value) => {
    const sessions = toySessions((outputs, step) =>
      step === 2 && outputs.kl_where![0] === 1.25
        ? { ...outputs, [output]: outputs[output]!.map((v, i) => (i === 0 ? value : v)) }
        : outputs,
    );
    const run = inferScenes(sessions, toyConfig, toyBatch([toyImage(1), toyImage(1)]));
    await expect(run).rejects.toThrow(GraphOutputError);
    await expect(run).rejects.toThrow(`output "${output}" of the step graph holds ${value} for image 0 at step 2`);
  });

  it("names the graph of an error of the engine, and leaves other errors alone", async () => {
    const failing = (thrown: unknown) => {
      const sessions = toySessions();
      return { ...sessions, step: { ...sessions.step, run: () => Promise.reject(thrown) } };
    };
    const images = toyBatch([toyImage(1)]);
    const infer = (thrown: unknown) => inferScenes(failing(thrown), toyConfig, images).catch((error: unknown) => error);
    const [plain, number, own] = [new Error("Non-zero status"), 1234567, new RangeError("lost")];
    const error = await infer(plain);
    expect(error).toBeInstanceOf(GraphRunError);
    expect(error).toMatchObject({ graph: "step", cause: plain, message: expect.stringContaining("Non-zero status") });
    expect(await infer(number)).toMatchObject({ name: "GraphRunError", message: expect.stringContaining("1234567") });
    expect(await infer(own)).toBe(own);
  });

  it("numbers a broken image by its index in the call", async () => {
    const sessions = toySessions((outputs) =>
      outputs.presence_logit![0] === toyLogit(0.75) ? { ...outputs, kl_where: [Number.NaN] } : outputs,
    );
    const images = toyBatch([toyImage(1), toyImage(1), toyImage(1), toyImage(0.75)]);
    await expect(inferScenes(sessions, toyConfig, images, { batchSize: 2 })).rejects.toThrow("for image 3 at step 1");
  });

  it("numbers a broken image by its index in the call after other images have left", async () => {
    const sessions = toySessions((outputs, step) =>
      step === 2 && outputs.presence_logit![0] === toyLogit(0.75) ? { ...outputs, kl_where: [Number.NaN] } : outputs,
    );
    const images = toyBatch([toyImage(1), toyImage(0), toyImage(0), toyImage(1, 0.75)]);
    await expect(inferScenes(sessions, toyConfig, images)).rejects.toThrow("for image 3 at step 2");
  });

  it("says which output has a wrong shape", async () => {
    const sessions = toySessions((outputs) => ({ ...outputs, kl_where: [0, 0] }));
    await expect(inferScenes(sessions, toyConfig, toyImage(1))).rejects.toThrow(
      /"kl_where" of the step graph.*expected \[1\]/,
    );
  });

  it("rejects with the reason of an aborted signal", async () => {
    const controller = new AbortController();
    const sessions = toySessions();
    const run = inferScenes(sessions, toyConfig, toyImage(1, 1, 1), {
      signal: controller.signal,
      onStep: () => controller.abort(new Error("enough")),
    });
    await expect(run).rejects.toThrow("enough");
    expect(sessions.step.runs).toHaveLength(1);
    await expect(inferScenes(sessions, toyConfig, toyImage(1), { signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/,
    );
  });

  it.each<[string, Float32Array, object, RegExp]>([
    ["part of an image", new Float32Array(17), {}, /multiple of 16 values, got 17/],
    ["no image", new Float32Array(0), {}, /got 0/],
    ["no steps", toyImage(1), { steps: 0 }, /steps must be an integer of at least 1/],
    ["half a batch", toyImage(1), { batchSize: 0.5 }, /batchSize/],
    ["an unknown mode", toyImage(1), { mode: "map" }, /mode must be "mean" or "sample", got "map"/],
    ["a negative seed", toyImage(1), { mode: "sample", seed: -1 }, /seed/],
  ])("rejects %s", async (_, images, options, message) => {
    const run = inferScenes(toySessions(), toyConfig, images, options);
    await expect(run).rejects.toThrow(RangeError);
    await expect(run).rejects.toThrow(message);
  });
});
