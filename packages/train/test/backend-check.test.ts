/** The comparison of backends: it passes backends that agree with the reference and finds those that differ. */
import type { SceneSet } from "@air-onnx/scenes";
import { generateMultiStrokes } from "@air-onnx/scenes";
import { beforeAll, describe, expect, it } from "vitest";
import { parseTrainConfig } from "../src/config.js";
import { checkBackends } from "../src/engine/backend-check.js";
import { listBackends } from "../src/engine/backend-status.js";
import { answerTrial, answerTrialApart, type TrialAnswer, type TrialRequest } from "../src/engine/trial.js";

const config = parseTrainConfig({
  dataset: "multi-strokes",
  // The reference architecture has no convolution, which would take tfjs cpu seconds.
  architecture: "reference",
  model: { lstmSize: 8, zWhatSize: 6, predictorSize: 16, encoderSize: 16, decoderSize: 16, maxSteps: 2 },
  batchSize: 4,
  threads: 1,
});

let scenes: SceneSet;
beforeAll(async () => {
  scenes = await generateMultiStrokes({ seed: 0, size: 64 });
});

/** Runs trials in this process and changes the answers of the backend wasm. */
function changing(change: (answer: TrialAnswer) => TrialAnswer) {
  return async (request: TrialRequest): Promise<TrialAnswer> => {
    const answer = await answerTrial(request);
    return "plan" in request && request.plan.config.backend === "wasm" ? change(answer) : answer;
  };
}

describe("a comparison of backends", () => {
  it("passes backends that compute the same up to rounding", async () => {
    const seen: string[] = [];
    const { compared, unavailable } = await checkBackends(config, scenes, {
      backends: ["onnxruntime", "wasm", "cpu"],
      answer: answerTrial,
      onBackend: (backend) => seen.push(backend),
    });
    expect(seen).toEqual(["onnxruntime", "wasm", "cpu"]);
    expect(compared.map(({ engine, agrees }) => [engine, agrees])).toEqual([
      ["onnxruntime (cpu, 1 thread)", true],
      ["tfjs wasm", true],
      ["tfjs cpu", true],
    ]);
    expect(compared[0]).toMatchObject({ loss: 0, gradients: 0, update: 0, lastLoss: 0 });
    for (const { gradients, millisecondsPerStep } of compared.slice(1)) {
      // Other kernels round differently: a difference of 0 would mean that the reference was compared with itself.
      expect(gradients).toBeGreaterThan(0);
      expect(millisecondsPerStep).toBeGreaterThan(0);
    }
    expect(unavailable).toEqual([]);
  });

  it("finds a wrong gradient and names its parameter", async () => {
    const wrong = changing((answer) => {
      if ("trial" in answer) answer.trial!.state.firstMoment["decoder.output_bias"]!.data[3]! += 10;
      return answer;
    });
    const { compared } = await checkBackends(config, scenes, { backends: ["wasm"], answer: wrong });
    expect(compared[1]).toMatchObject({ backend: "wasm", agrees: false, worstGradient: "decoder.output_bias" });
  });

  it("finds a loss that is wrong or NaN", async () => {
    for (const change of [(loss: number) => loss * 1.001, () => Number.NaN]) {
      const wrong = changing((answer) => {
        if ("trial" in answer) answer.trial!.metrics[0]!.loss![0] = change(answer.trial!.metrics[0]!.loss![0]!);
        return answer;
      });
      const { compared } = await checkBackends(config, scenes, { backends: ["wasm"], answer: wrong });
      expect(compared[1]!.agrees).toBe(false);
    }
  });

  it("lists a backend that cannot run with the reason, and compares the others", async () => {
    const missing = changing(() => ({ reason: "it is not there" }));
    const { compared, unavailable } = await checkBackends(config, scenes, {
      backends: ["wasm", "cpu"],
      answer: missing,
    });
    expect(unavailable).toEqual([{ backend: "wasm", reason: "it is not there" }]);
    expect(compared.map(({ backend }) => backend)).toEqual(["onnxruntime", "cpu"]);
  });
});

describe("a trial in a process of its own", () => {
  it("reports how a crashed process ended", async () => {
    const env = { ...process.env, NODE_OPTIONS: "--import=data:text/javascript,process.abort()" };
    const answer = await answerTrialApart({ backend: "cpu" }, { env });
    expect(answer).toEqual({ reason: expect.stringContaining("ended with SIGABRT") });
  });
});

it("says how to install what a backend is missing", async () => {
  const statuses = await listBackends(["onnxruntime", "wasm", "tensorflow", "webgpu"]);
  expect(statuses.slice(0, 2)).toEqual([
    { backend: "onnxruntime", available: true },
    { backend: "wasm", available: true },
  ]);
  for (const { backend, available, reason } of statuses.slice(2)) {
    if (available) console.log(`${backend} is installed and works: its absence is not tested`);
    else expect(reason, backend).toMatch(/npm (install|rebuild)|no WebGPU adapter|cannot be loaded/);
  }
});
