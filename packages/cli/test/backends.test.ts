/** Tests the commands about backends and speed. Their numbers are tested in the packages that compute them. */
import { existsSync } from "node:fs";
import { afterAll, describe, expect, it, vi } from "vitest";
import { tiny, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

describe("train --check-backends", () => {
  it("prints how much each backend differs from the reference, and trains nothing", async () => {
    const check = ["train", "--check-backends", "--backend", "wasm", "--json", ...tiny];
    const { code, stdout, stderr } = await place.runHere(check);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { reference, compared, unavailable } = JSON.parse(stdout);
    expect(reference).toBe("onnxruntime");
    expect(compared).toMatchObject([
      { backend: "onnxruntime", loss: 0, gradients: 0, agrees: true },
      { backend: "wasm", engine: "tfjs wasm", agrees: true },
    ]);
    expect(compared[1].gradients).toBeGreaterThan(0);
    expect(unavailable).toEqual([]);
  });

  it("fails for a named backend that cannot run, with the reason", async () => {
    // The environment hides every GPU from TensorFlow.
    vi.stubEnv("CUDA_VISIBLE_DEVICES", "-1");
    const { code, stdout, stderr } = await place.runHere([
      ...["train", "--check-backends", "--backend", "tensorflow-gpu"],
      ...tiny,
    ]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^onnxruntime +reference/m);
    expect(stdout).toMatch(/^ {2}tensorflow-gpu: /m);
    expect(stderr).toMatch(
      /^error: The backend tensorflow-gpu is not available: (.*npm install|TensorFlow finds no GPU)/,
    );
  });
});

it("train makes no run folder for a backend that cannot run", async () => {
  vi.stubEnv("CUDA_VISIBLE_DEVICES", "-1");
  const { code, stderr } = await place.runHere(["train", "--backend", "onnxruntime-cuda", "--out", "none", ...tiny]);
  expect(code).toBe(1);
  expect(stderr).toContain("The backend onnxruntime-cuda is not available: ");
  expect(existsSync(place.at("none"))).toBe(false);
});

describe("bench", () => {
  it("measures training against the machine's matrix products", async () => {
    const args = ["bench", "train", "--batch", "1", "2", "--repeats", "1", "--steps-per-run", "1", "--json"];
    const { code, stdout, stderr } = await place.runHere([...args, "--threads", "1"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { what, measured, peakMemoryMegabytes } = JSON.parse(stdout);
    expect(what).toBe("train");
    expect(measured.map(({ batchSize }: { batchSize: number }) => batchSize)).toEqual([1, 2]);
    for (const { name, milliseconds, imagesPerSecond, shareOfPeak } of measured) {
      expect(name).toBe("onnxruntime (cpu, 1 thread)");
      expect(imagesPerSecond).toBeGreaterThan(0);
      expect(milliseconds.least).toBeLessThanOrEqual(milliseconds.median);
      expect(shareOfPeak).toBeGreaterThan(0);
    }
    expect(peakMemoryMegabytes).toBeGreaterThan(50);
  });

  it("says why a backend cannot run", async () => {
    vi.stubEnv("CUDA_VISIBLE_DEVICES", "-1");
    const { code, stdout, stderr } = await place.runHere(["bench", "train", "--backend", "onnxruntime-cuda"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("error: The backend onnxruntime-cuda is not available: ");
  });

  it("refuses a folder that is not an exported model", async () => {
    const { code, stderr } = await place.runHere(["bench", "infer", "--model", "nowhere"]);
    expect(code).toBe(1);
    expect(stderr).toContain('No model "nowhere" was found');
  });
});
