import { describe, expect, it } from "vitest";
import { ModelDisposedError } from "../src/errors.js";
import { LoadedModel, type ModelSessions, type SceneGraphOpener } from "../src/loaded-model.js";
import type { Manifest } from "../src/manifest.js";
import { prepareBatch, preprocessingSchema, restoreScenes } from "../src/preprocessing.js";
import { toyBatch, toyConfig, toyImage, toySessions } from "./toy-model.js";

const manifest = { name: "toy", model: toyConfig, normalisation: { scale: 255 } } as Manifest;

function loadedSessions(release = async (): Promise<void> => {}): ModelSessions {
  const { encoder, step, decoder } = toySessions();
  return {
    encoder: Object.assign(encoder, { release }),
    step: Object.assign(step, { release }),
    decoder: Object.assign(decoder, { release }),
  };
}

function toyModel(openSceneGraph: SceneGraphOpener, release?: () => Promise<void>): LoadedModel<"toy"> {
  return new LoadedModel(manifest, loadedSessions(release), "toy", openSceneGraph);
}

describe("the scene graph", () => {
  const few = toyImage(1);
  const many = toyBatch(new Array(9).fill(toyImage(1)));

  it("is opened for the second batch that can use it, once for few images and once for more", async () => {
    const opened: boolean[] = [];
    const model = toyModel(async (narrows) => {
      opened.push(narrows);
      return undefined;
    });
    const noOther = { onStep: () => {} };
    for (const options of [noOther, { mode: "sample" }, { steps: 2 }] as const) {
      for (let i = 0; i < 3; i++) await model.infer(few, options);
    }
    await model.infer(few);
    await model.infer(many);
    expect(opened).toEqual([]);
    await Promise.all([model.infer(few), model.infer(few)]);
    expect(opened).toEqual([false]);
    // Two batches of one call are two.
    await model.infer(many, { batchSize: 5 });
    expect(opened).toEqual([false, true]);
    await model.infer(many);
    expect(opened).toEqual([false, true]);
  });

  it("is used only without onStep, and is released", async () => {
    let released = 0;
    const model = toyModel(async () => ({
      run: () => Promise.reject(new Error("the whole scene was run")),
      release: async () => void released++,
    }));
    const first = await model.infer(few);
    await expect(model.infer(few)).rejects.toThrow("the whole scene was run");
    expect(await model.infer(few, { onStep: () => {} })).toEqual(first);
    expect(await model.infer(many)).toHaveLength(9);
    await expect(model.infer(many)).rejects.toThrow("the whole scene was run");
    await model.dispose();
    expect(released).toBe(2);
  });
});

describe("a model whose manifest has a preprocessing", () => {
  const preprocessing = preprocessingSchema.parse({ backgroundDegree: 0, polarity: ["dark"], contrast: [0.5, 0.9] });
  const open = (own: Manifest) => new LoadedModel(own, loadedSessions(), "toy");
  const [plain, preparing] = [open(manifest), open({ ...manifest, preprocessing })];
  // Dark objects on light.
  const images = toyBatch([toyImage(1, 1), toyImage(), toyImage(1)]).map((value) => 0.9 - 0.8 * value);
  const batch = prepareBatch(Float32Array.from(images), toyConfig, preprocessing);

  it("infers the scenes of the prepared images, with reconstructions in the pixels of the originals", async () => {
    const scenes = await preparing.infer(images, { prune: false });
    expect(scenes.map(({ count }) => count)).toEqual([2, 0, 1]);
    expect(scenes).toEqual(restoreScenes(await plain.infer(batch.images, { prune: false }), batch));
    expect(scenes[1]!.reconstruction[0]).toBeCloseTo(0.9, 2);
  });

  it("gives summaries of the prepared images", async () => {
    expect(await preparing.infer(images, { pixels: false })).toEqual(
      await plain.infer(batch.images, { pixels: false }),
    );
  });
});

describe("dispose", () => {
  const noScene = async (): Promise<undefined> => undefined;

  it("may be awaited in onStep: that call ends there, and then all sessions are released", async () => {
    let released = 0;
    const model = toyModel(noScene, async () => void released++);
    const steps: number[] = [];
    const call = model.infer(toyImage(1, 1, 1), {
      onStep: async ({ step }) => {
        steps.push(step);
        await model.dispose();
        await model[Symbol.asyncDispose]();
        expect(released).toBe(0);
      },
    });
    await expect(call).rejects.toThrow(ModelDisposedError);
    expect(steps).toEqual([1]);
    await expect.poll(() => released).toBe(3);
    await expect(model.infer(toyImage(1))).rejects.toThrow(ModelDisposedError);
  });

  it("waits for the other calls when one call awaits it in onStep", async () => {
    let released = 0;
    const model = toyModel(noScene, async () => void released++);
    const quiet = model.infer(toyBatch(new Array(200).fill(toyImage(1, 1, 1))), { batchSize: 1 });
    let isQuietDone = false;
    void quiet.then(() => {
      isQuietDone = true;
    });
    const call = model.infer(toyImage(1, 1, 1), {
      onStep: async () => {
        await model.dispose();
        expect(isQuietDone).toBe(true);
      },
    });
    await expect(call).rejects.toThrow(ModelDisposedError);
    expect(await quiet).toHaveLength(200);
    await expect.poll(() => released).toBe(3);
  });

  it("called outside of onStep, ends a call with onStep at its step and waits for all other calls", async () => {
    let released = 0;
    const model = toyModel(noScene, async () => void released++);
    const plain = model.infer(toyImage(1));
    let disposal: Promise<void> | undefined;
    const told = model.infer(toyImage(1, 1), {
      onStep: () => {
        disposal ??= model.dispose();
      },
    });
    await expect(told).rejects.toThrow(ModelDisposedError);
    expect(await plain).toHaveLength(1);
    await disposal;
    await expect.poll(() => released).toBe(3);
  });
});
