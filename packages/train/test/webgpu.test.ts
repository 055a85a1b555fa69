/**
 * Training on WebGPU. Without a GPU, the adapter is SwiftShader, the software Vulkan of Debian's chromium. It compiles shaders for
 * most of a minute and takes a second for a step, so these tests are of the long run, and check each backend once, with a model of one step.
 */
import { generateMultiStrokes } from "@air-onnx/scenes";
import { longRun, nodeWebgpu, webgpuEnvironment } from "@air-onnx/test/requirements";
import type { NamedArrays } from "@air-onnx/trainer";
import { expect } from "vitest";
import { Batches } from "../src/batches.js";
import { parseTrainConfig } from "../src/config.js";
import { checkBackends } from "../src/engine/backend-check.js";
import type { Backend } from "../src/engine/backends.js";
import { answerTrialApart, type TrialRequest } from "../src/engine/trial.js";
import { initialState } from "../src/initial-state.js";

const env = webgpuEnvironment();

const config = parseTrainConfig({
  dataset: "multi-strokes",
  model: { lstmSize: 8, zWhatSize: 6, predictorSize: 16, encoderSize: 16, decoderSize: 16, maxSteps: 1 },
  maxCount: 1,
  batchSize: 2,
  threads: 1,
});

for (const [backend, engine] of [
  ["onnxruntime-webgpu", "onnxruntime (webgpu)"],
  ["webgpu", "tfjs webgpu"],
] as const) {
  longRun.it(
    `on ${backend} has the loss and gradients of the CPU, and continues from its own state`,
    {
      timeout: 240_000,
    },
    async (test) => {
      const status = await answerTrialApart({ backend }, { env });
      nodeWebgpu.check(test, !("reason" in status), "reason" in status ? `${backend}: ${status.reason}` : undefined);
      const scenes = await generateMultiStrokes({ seed: 0, size: 64 });
      const answer = (request: TrialRequest) => answerTrialApart(request, { env });
      const { compared, unavailable } = await checkBackends(config, scenes, { backends: [backend], answer });
      expect(unavailable).toEqual([]);
      expect(compared[1]).toMatchObject({ engine, agrees: true });
      expect(compared[1]!.lastLoss).toBeLessThan(1e-3);
    },
  );
}

longRun.it("returns the metrics of every step of a run, in order", { timeout: 240_000 }, async (test) => {
  const backend = "onnxruntime-webgpu";
  const status = await answerTrialApart({ backend }, { env });
  nodeWebgpu.check(test, !("reason" in status), "reason" in status ? `${backend}: ${status.reason}` : undefined);
  const scenes = await generateMultiStrokes({ seed: 0, size: 64 });
  const inputs = [new Batches(config, scenes).next(0, 4), new Batches(config, scenes).next(4, 2)];
  const start = initialState(config);
  const metricsOn = async (on: Backend): Promise<readonly NamedArrays[]> => {
    const answer = await answerTrialApart({ plan: { config: { ...config, backend: on }, start, inputs } }, { env });
    if ("reason" in answer) throw new Error(answer.reason);
    return answer.trial!.metrics;
  };
  const [expected, found] = [await metricsOn("onnxruntime"), await metricsOn(backend)];
  for (const [k, run] of expected.entries()) {
    expect(Object.keys(found[k]!)).toEqual(Object.keys(run));
    for (const [name, values] of Object.entries(run)) {
      expect(found[k]![name], name).toHaveLength(values.length);
      values.forEach((value, step) => {
        const difference = Math.abs(found[k]![name]![step]! - value);
        expect(difference, `${name} of step ${step}`).toBeLessThan(1e-2 * Math.max(1, Math.abs(value)));
      });
    }
  }
});
