/** Tests the models in the repository: they are intact and documented, and they count. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { intersectionOverUnion } from "@air-onnx/core";
import { AirModel } from "@air-onnx/runtime-node";
import { InferenceSession, Tensor } from "@air-onnx/runtime-node/onnxruntime";
import { readSceneFile } from "@air-onnx/runtime-node/open-graphs";
import { fillBatch, generateMultiStrokes } from "@air-onnx/scenes";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL("../models", import.meta.url));
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "config.json")));

it("there are some", () => {
  expect(names).toContain("multi-mnist");
});

describe.each(names)("models/%s", (name) => {
  it("has the sizes and hashes of its manifest, and loads", async () => {
    await using model = await AirModel.fromPretrained(join(folder, name));
    expect(model.manifest.name).toBe(name);
  });

  it("has a scene file that says what the runtime says", async () => {
    await using model = await AirModel.fromPretrained(join(folder, name));
    const { imageSize, channels, maxSteps } = model.config;
    const bytes = (await readSceneFile(join(folder, name), model.manifest, { verify: true }))!;
    expect(model.manifest.files.scene!.input).toBe("float32");
    const drawn = await model.sample(100, { seed: 5, presencePrior: 0.6 });
    const pixels = channels * imageSize ** 2;
    const images = new Float32Array(100 * pixels);
    drawn.forEach(
      ({ reconstruction }, i) =>
        void images.set(
          reconstruction.map((value) => Math.min(1, value)),
          i * pixels,
        ),
    );
    const session = await InferenceSession.create(bytes);
    const results = await session.run({ image: new Tensor("float32", images, [100, channels, imageSize, imageSize]) });
    const numbers = (output: string) => results[output]!.data as Float32Array;
    const scenes = await model.infer(images);
    expect([...numbers("count")]).toEqual(scenes.map(({ count }) => count));
    expect(Math.max(...scenes.map(({ count }) => count))).toBeGreaterThan(1);
    scenes.forEach(({ countProbabilities, objects }, i) => {
      countProbabilities.forEach((value, n) => {
        expect(Math.abs(numbers("count_probabilities")[i * (maxSteps + 1) + n]! - value)).toBeLessThan(1e-4);
      });
      objects.forEach(({ box, tightBox }, slot) => {
        const at = 4 * (i * maxSteps + slot);
        for (const [output, expected] of [
          ["box", box],
          ["tight_box", tightBox],
        ] as const) {
          Object.values(expected).forEach((side, k) => {
            expect(Math.abs(numbers(output)[at + k]! - side)).toBeLessThan(0.1);
          });
        }
      });
    });
    await session.release();
  });

  it("has a card with the manifest's numbers", async () => {
    await using model = await AirModel.fromPretrained(join(folder, name));
    const card = readFileSync(join(folder, name, "README.md"), "utf8");
    const { countAccuracyMap, elbo } = model.manifest.metrics;
    expect(card).toContain(`${(100 * countAccuracyMap!).toFixed(2)} %`);
    expect(card).toContain(elbo!.toFixed(2));
  });

  it("finds nothing in a black image", async () => {
    await using model = await AirModel.fromPretrained(join(folder, name));
    const { imageSize, channels } = model.config;
    const [scene] = await model.infer(new Float32Array(channels * imageSize ** 2));
    expect(scene!.count).toBe(0);
    expect(scene!.typical).toBe(true);
  });

  it("calls an image typical as it is, but not inverted or on a lighter background", async () => {
    await using model = await AirModel.fromPretrained(join(folder, name));
    const { imageSize, channels } = model.config;
    // The objects that the model draws itself are of its kind.
    const drawn = await model.sample(20, { seed: 1, count: 1 });
    const images = drawn.map(({ reconstruction }) => reconstruction.map((value) => Math.min(1, value)));
    const typicalOf = async (change: (value: number) => number): Promise<number> => {
      const batch = Float32Array.from(images.flatMap((image) => Array.from(image, change)));
      expect(batch).toHaveLength(20 * channels * imageSize ** 2);
      return (await model.infer(batch)).filter(({ typical }) => typical).length;
    };
    expect(await typicalOf((value) => value)).toBeGreaterThan(10);
    expect(await typicalOf((value) => 1 - value)).toBe(0);
    expect(await typicalOf((value) => Math.max(value, 0.05))).toBe(0);
  });
});

it("models/multi-mnist counts digits that it was not trained on", async () => {
  const scenes = await generateMultiStrokes({ seed: 7, size: 200 });
  const images = new Float32Array(200 * 50 * 50);
  fillBatch(scenes, [...scenes.counts.keys()], images);
  await using model = await AirModel.fromPretrained(join(folder, "multi-mnist"));
  const right = (await model.infer(images)).filter((scene, i) => scene.count === scenes.counts[i]).length;
  expect(right / 200).toBeGreaterThan(0.9);
});

it("models/multi-mnist finds a digit of twice the size with zooms, and without counts two", async () => {
  await using model = await AirModel.fromPretrained(join(folder, "multi-mnist"));
  const usual = await model.sample(40, { seed: 2, count: 1 });
  const large = usual.map(({ objects }) => ({
    objects: objects.map(({ zWhere: [s], zWhat }) => ({ zWhere: [s / 2, 0, 0] as const, zWhat })),
  }));
  const drawn = await model.decode(large);
  const images = Float32Array.from(
    drawn.flatMap(({ reconstruction }) => Array.from(reconstruction, (value) => Math.min(1, value))),
  );
  const plain = await model.infer(images);
  const zoomed = await model.infer(images, { zoom: "auto" });
  const ones = (scenes: typeof plain): number => scenes.filter(({ count }) => count === 1).length;
  expect(ones(plain)).toBeLessThan(20);
  expect(ones(zoomed)).toBeGreaterThan(34);
  // The box is that of the digit in the image itself.
  for (const [i, { count, objects, zoom }] of zoomed.entries()) {
    expect(zoom).toBeLessThanOrEqual(1);
    if (count !== 1) continue;
    expect(intersectionOverUnion(objects[0]!.tightBox, drawn[i]!.objects[0]!.tightBox)).toBeGreaterThan(0.5);
  }
});
