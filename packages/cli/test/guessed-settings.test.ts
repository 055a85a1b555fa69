/** Settings that `train` guesses from a user's own images. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawnSet, formOf, generateScenes, writeNpz } from "@air-onnx/scenes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "../src/failures.js";
import { type GuessFlags, withGuesses } from "../src/guessed-settings.js";
import { configFrom } from "../src/train-settings.js";

const folder = mkdtempSync(join(tmpdir(), "air-onnx-guesses-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "discs.npz");
beforeAll(async () => {
  const set = drawnSet("multi-discs")!;
  const digits = () => Promise.reject(new Error("there are no digits"));
  await writeNpz(path, await generateScenes(await set.generator(0, formOf(set, {}), { digits }, "train"), 60));
});

async function guess(flags: GuessFlags = {}, given: Readonly<Record<string, unknown>> = {}) {
  const settings = Object.entries({ dataset: "npz", path, ...given }).map(([key, value]) => ({ key, value }));
  const lines: string[] = [];
  const all = await withGuesses(settings, flags, new AbortController().signal, (line) => lines.push(line));
  return { settings: all, lines, config: () => configFrom(all) };
}

describe("withGuesses", () => {
  it("finds side, size and number of objects, and says by which flag each is overridden", async () => {
    const { config, lines } = await guess();
    const { model, augmentation, steps } = await config();
    expect(model).toMatchObject({ imageSize: 50, channels: 1, objectSize: 18, where: { type: "bounded" } });
    expect(augmentation).not.toBeNull();
    expect(steps).toBe(4000);
    expect(lines.map((line) => /\[(.*)\]$/.exec(line)?.[1])).toEqual([
      "--set preprocessing=null",
      "--object-size MIN MAX",
      "--max-objects N",
      "--set augmentation=null",
    ]);
  });

  it("keeps what is given, by flags and by settings", async () => {
    const flags = await (await guess({ objectSize: [4, 12], maxObjects: 6 })).config();
    expect(flags.model).toMatchObject({ maxSteps: 6, objectSize: 12, where: { side: [5, 15] } });
    const given = {
      "model.maxSteps": 2,
      "model.imagePooling": 5,
      "model.objectSize": 9,
      augmentation: null,
      steps: 500,
    };
    const config = await (await guess({}, given)).config();
    expect(config).toMatchObject({
      steps: 500,
      augmentation: null,
      model: { maxSteps: 2, imagePooling: 5, objectSize: 9 },
    });
    expect((await (await guess({}, { architecture: "reference" })).config()).model.imagePooling).toBe(1);
  });

  it("guesses nothing for drawn images, or if told so", async () => {
    const settings = [{ key: "dataset", value: "multi-strokes" }];
    expect(await withGuesses(settings, {}, new AbortController().signal, () => {})).toBe(settings);
    const { settings: own, lines } = await guess({ guess: false });
    expect(own.map(({ key }) => key)).toEqual(["dataset", "path"]);
    expect(lines).toEqual([]);
  });

  it.each([
    [{ objectSize: [5] }, {}, "--object-size takes two lengths, the smaller first; got 5"],
    [{ objectSize: [9, 5] }, {}, "--object-size takes two lengths"],
    [{ maxObjects: 3 }, { dataset: "multi-strokes" }, "--max-objects is for your own images"],
    [{ guess: false, maxObjects: 3 }, {}, "--no-guess excludes"],
  ])("refuses %j with %j", async (flags, given, message) => {
    await expect(guess(flags, given)).rejects.toThrow(UsageError);
    await expect(guess(flags, given)).rejects.toThrow(message);
  });
});
