import { describe, expect, it } from "vitest";
import { LoadedModel, type SceneOpener } from "../src/loaded-model.js";
import type { Manifest } from "../src/manifest.js";
import { toyBatch, toyConfig, toyImage, toySessions } from "./toy-model.js";

const manifest = { name: "toy", model: toyConfig, normalisation: { scale: 255 } } as Manifest;

function toyModel(openScene: SceneOpener): LoadedModel<"toy"> {
  const { encoder, step, decoder } = toySessions();
  const release = async (): Promise<void> => {};
  const sessions = {
    encoder: Object.assign(encoder, { release }),
    step: Object.assign(step, { release }),
    decoder: Object.assign(decoder, { release }),
  };
  return new LoadedModel(manifest, sessions, "toy", openScene);
}

describe("the graph of the whole loop", () => {
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

  it("is run where it is there, for few images without reports alone, and released", async () => {
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
