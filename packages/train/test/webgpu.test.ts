/**
 * Training on WebGPU. Without a GPU, the adapter is SwiftShader, the software Vulkan of Debian's chromium. It takes a
 * second for a step, so there is one check of each backend, of a model with one inference step.
 */
import { generateMultiStrokes } from "@air-onnx/scenes";
import { nodeWebgpu, webgpuEnvironment } from "@air-onnx/test/requirements";
import { expect, it } from "vitest";
import { parseTrainConfig } from "../src/config.js";
import { checkBackends } from "../src/engine/backend-check.js";
import { answerTrialApart, type TrialRequest } from "../src/engine/trial.js";

const env = webgpuEnvironment();

for (const [backend, engine] of [
  ["onnxruntime-webgpu", "onnxruntime (webgpu)"],
  ["webgpu", "tfjs webgpu"],
] as const) {
  it(`on ${backend} has the loss and gradients of the CPU, and continues from its own state`, {
    timeout: 240_000,
  }, async (test) => {
    const status = await answerTrialApart({ backend }, { env });
    nodeWebgpu.check(test, !("reason" in status), "reason" in status ? `${backend}: ${status.reason}` : undefined);
    const config = parseTrainConfig({
      dataset: "multi-strokes",
      model: { lstmSize: 8, zWhatSize: 6, predictorSize: 16, encoderSize: 16, decoderSize: 16, maxSteps: 1 },
      maxCount: 1,
      batchSize: 2,
      threads: 1,
    });
    const scenes = await generateMultiStrokes({ seed: 0, size: 64 });
    const answer = (request: TrialRequest) => answerTrialApart(request, { env });
    const { compared, unavailable } = await checkBackends(config, scenes, { backends: [backend], answer });
    expect(unavailable).toEqual([]);
    expect(compared[1]).toMatchObject({ engine, agrees: true });
    expect(compared[1]!.lastLoss).toBeLessThan(1e-3);
  });
}
