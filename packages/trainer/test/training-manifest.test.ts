/** Training files that are not trusted: what a manifest claims is bounded, and a graph must have all of its weights. */
import { createHash } from "node:crypto";
import { ConfigError } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { parseTrainingManifest, Trainer, TrainingFileError } from "../src/index.js";
import { soundManifest } from "./sound-manifest.js";

const parse = (change: object) =>
  parseTrainingManifest(JSON.stringify({ ...soundManifest, ...change }), "training.json");
const parameter = soundManifest.parameters[0]!;

describe("a training manifest", () => {
  it("is read", () => {
    expect(parse({}).model.imageSize).toBe(20);
  });

  it("takes no more memory than a graph's file may have", () => {
    const many = (shape: number[], count: number) =>
      Array.from({ length: count }, (_, i) => ({ ...parameter, name: `w${i}`, shape }));
    expect(() => parse({ parameters: many([2 ** 13, 2 ** 14], 1) })).toThrow(ConfigError);
    expect(() => parse({ parameters: many([2 ** 12, 2 ** 12], 5) })).toThrow(/parameters.* must have at most 67108864/);
    const [stage] = soundManifest.stages;
    const perStep = Array.from({ length: 5 }, (_, i) => ({ input: `n${i}`, shape: [2 ** 24], holds: "normal" }));
    expect(() => parse({ stages: [{ ...stage, perStep }] })).toThrow(/perStep.* must have at most 67108864/);
    expect(() => parse({ batchSize: 1e9 })).toThrow(ConfigError);
  });

  it("has as many values of a parameter as its shape", () => {
    expect(() => parse({ parameters: [{ ...parameter, values: [1, 2] }] })).toThrow(/must be 6, as the shape has/);
    expect(parse({ parameters: [{ ...parameter, values: [1, 2, 3, 4, 5, 6] }] }).parameters).toHaveLength(1);
  });
});

it("a graph that is not ONNX's own is refused before a runtime sees it, though its hash is right", async () => {
  const bytes = Uint8Array.from(Buffer.from("\x08\x00\x00\x00ORTM and more", "latin1"));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const manifest = parse({ evaluation: { path: "evaluation.onnx", size: bytes.length, sha256 } });
  const opening = Trainer.open({
    manifest,
    readFile: async () => bytes,
    createSession: () => {
      throw new Error("A runtime saw the graph");
    },
    drawImages: () => {},
  });
  await expect(opening).rejects.toThrow(TrainingFileError);
  await expect(opening).rejects.toThrow(/evaluation\.onnx is in onnxruntime's own format/);
});
