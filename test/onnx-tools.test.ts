/** Tests what docs/format.md says of other people's tools: they take the graphs of a shipped model, in its opset and in the oldest one. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseAirConfig } from "@air-onnx/core";
import { convertModel, exportModel } from "@air-onnx/export";
import { initialParameters } from "@air-onnx/train";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PYTHON, pythonTools } from "./requirements/index.js";

const models = fileURLToPath(new URL("../models", import.meta.url));
const shippedModels = readdirSync(models).filter((name) => name !== "README.md");
const shipped = join(models, "multi-mnist");
const program = fileURLToPath(new URL("tools/onnx-tools.py", import.meta.url));

/** By tool and graph: true if it works, a number where there is one to tell, or its error. */
type Results = Readonly<Record<string, Readonly<Record<string, boolean | number | string>>>>;

const all = { decoder: true, encoder: true, scene: true, step: true };

pythonTools.describe("ONNX's tools in Python", () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "air-onnx-tools-"));
  });
  afterAll(() => rm(scratch, { recursive: true, force: true }));

  async function tryTools(opset: 17 | 21): Promise<Results> {
    const folder = join(scratch, `opset-${opset}`);
    await convertModel(shipped, folder, { opset, weights: "float32" });
    return toolsOn(folder);
  }

  /** @param tools all by default */
  async function toolsOn(folder: string, tools: readonly string[] = []): Promise<Results> {
    const own = await mkdtemp(join(scratch, "made-"));
    const { stdout } = await promisify(execFile)(PYTHON, [program, folder, own, ...tools], { maxBuffer: 1 << 24 });
    return JSON.parse(stdout) as Results;
  }

  it("take the graphs of opset 17, all of them", { timeout: 300_000 }, async () => {
    const results = await tryTools(17);
    for (const tool of ["check", "strict_shapes", "symbolic_shapes", "ort_format", "float16"]) {
      expect({ [tool]: results[tool] }).toEqual({ [tool]: all });
    }
    expectSmaller(results);
  });

  it("take the graphs of opset 21, but for those that docs/format.md names", { timeout: 300_000 }, async () => {
    const results = await tryTools(21);
    for (const tool of ["check", "strict_shapes", "ort_format", "convert_to_18", "float16"]) {
      expect({ [tool]: results[tool] }).toEqual({ [tool]: all });
    }
    expect(results.symbolic_shapes).toEqual({ ...all, scene: expect.any(String) });
    expectSmaller(results);
  });

  it("take the graphs of a local step in opset 17, all of them", { timeout: 300_000 }, async () => {
    const config = parseAirConfig({
      ...{
        imageSize: 30,
        objectSize: 12,
        maxSteps: 2,
        zWhatSize: 5,
        predictorSize: 7,
        encoderSize: 20,
        decoderSize: 20,
      },
      ...{ imagePooling: 2, embeddingSize: 0, glimpseInput: "remainder" },
      stepNetwork: { type: "local", kernel: 9, stride: 2, contextKernel: 3, channels: [8, 16] },
      lstmInput: { type: "image", convolution: null },
      where: { type: "bounded", side: [6, 14], spacing: "linear", centre: "free" },
    });
    const folder = join(scratch, "local");
    const training = { dataset: "none", seed: 0, steps: 0, commit: null };
    const model = { name: "local", config, parameters: initialParameters(config, 0), training, metrics: {} };
    await exportModel(folder, model, { opset: 17, weights: "float32" });
    const results = await toolsOn(folder);
    for (const tool of ["check", "strict_shapes", "symbolic_shapes", "ort_format", "convert_to_18", "float16"]) {
      expect({ [tool]: results[tool] }).toEqual({ [tool]: all });
    }
  });

  it("take the three graphs of every shipped model as it is", { timeout: 300_000 }, async () => {
    for (const name of shippedModels) {
      const results = await toolsOn(join(models, name), ["check", "symbolic_shapes"]);
      expect({ name, ...results }).toEqual({
        name,
        check: all,
        symbolic_shapes: { ...all, scene: expect.any(String) },
      });
    }
  });

  /** Weights of bytes instead of float32. What is left are the names of nodes and, in `scene`, constants. */
  function expectSmaller({ quantize }: Results): void {
    for (const [graph, share] of Object.entries(quantize!)) {
      expect(typeof share, `${graph}: ${share}`).toBe("number");
      expect(share, graph).toBeLessThan(0.7);
    }
  }
});
