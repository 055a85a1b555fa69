import { describe, expect, it } from "vitest";
import { ModelDisposedError } from "../src/errors.js";
import { LoadedModel, type LoopGraphOpener } from "../src/loaded-model.js";
import type { Manifest } from "../src/manifest.js";
import { toyBatch, toyConfig, toyImage, toySessions } from "./toy-model.js";

const manifest = { name: "toy", model: toyConfig, normalisation: { scale: 255 } } as Manifest;

function toyModel(openLoopGraph: LoopGraphOpener, release = async (): Promise<void> => {}): LoadedModel<"toy"> {
  const { encoder, step, decoder } = toySessions();
  const sessions = {
    encoder: Object.assign(encoder, { release }),
    step: Object.assign(step, { release }),
    decoder: Object.assign(decoder, { release }),
  };
  return new LoadedModel(manifest, sessions, "toy", openLoopGraph);
}

describe("the loop graph", () => {
  it("is opened for the second call with few images, once", async () => {
    let opened = 0;
    const model = toyModel(async () => {
      opened++;
      return undefined;
    });
    const many = toyBatch(new Array(100).fill(toyImage(1)));
    for (let i = 0; i < 3; i++) {
      await model.infer(many);
      await model.infer(toyImage(1), { onStep: () => {} });
    }
    await model.infer(toyImage(1));
    expect(opened).toBe(0);
    await Promise.all([model.infer(toyImage(1)), model.infer(many, { batchSize: 1 }), model.infer(toyImage(1))]);
    expect(opened).toBe(1);
  });

  it("is used only for few images without onStep, and is released", async () => {
    let released = 0;
    const model = toyModel(async () => ({
      run: () => Promise.reject(new Error("the whole loop ran")),
      release: async () => void released++,
    }));
    const first = await model.infer(toyImage(1));
    await expect(model.infer(toyImage(1))).rejects.toThrow("the whole loop ran");
    expect(await model.infer(toyImage(1), { onStep: () => {} })).toEqual(first);
    expect(await model.infer(toyBatch(new Array(100).fill(toyImage(1))))).toHaveLength(100);
    await model.dispose();
    expect(released).toBe(1);
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
