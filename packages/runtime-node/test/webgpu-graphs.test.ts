/** Tests that WebGPU, where the state stays on the GPU, gives the CPU's scenes. Without a GPU the adapter is SwiftShader. */
import { rm } from "node:fs/promises";
import { CONCAT_OUTPUT, concatInput, concatModel } from "@air-onnx/core";
import { nodeWebgpu, webgpuEnvironment } from "@air-onnx/test/requirements";
import { expect, it } from "vitest";
import { askProcess } from "../src/ask-process.js";
import { createSession } from "../src/devices.js";
import { Tensor } from "../src/onnxruntime.js";
import { tinyImages, writeTinyModel } from "./tiny-model.js";

/** Every number in `value`, in order, with its place. */
function numbers(value: unknown, place = ""): [string, number][] {
  if (typeof value === "number") return [[place, value]];
  if (ArrayBuffer.isView(value)) return numbers(Array.from(value as Float32Array), place);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => numbers(each, `${place}/${key}`));
}

it("gives the same scenes as on the CPU, whatever is asked for in between", { timeout: 120_000 }, async (test) => {
  const folder = await writeTinyModel();
  try {
    const program = new URL("compare-devices.mjs", import.meta.url);
    type Results = { readonly reason: string } | { readonly cpu: object; readonly webgpu: object };
    const result = await askProcess<Results>(program, { folder, images: tinyImages(5) }, { env: webgpuEnvironment() });
    if (!("answer" in result)) throw new Error(result.failure);
    const { answer } = result;
    nodeWebgpu.check(test, !("reason" in answer), "reason" in answer ? answer.reason : undefined);
    if ("reason" in answer) return;
    const [expected, found] = [numbers(answer.cpu), numbers(answer.webgpu)];
    expect(found.map(([place]) => place)).toEqual(expected.map(([place]) => place));
    expect(expected.length).toBeGreaterThan(1000);
    const wrong = expected.filter(
      ([, value], i) => !(Math.abs(value - found[i]![1]) <= 1e-4 * Math.max(1, Math.abs(value))),
    );
    expect(wrong).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("joins tensors of any sizes", async () => {
  const session = await createSession(concatModel(3), "cpu");
  const parts = [[1, 2], [3], [4, 5, 6]];
  const feeds = parts.map((part, i) => [concatInput(i), new Tensor("float32", part, [part.length])] as const);
  const { [CONCAT_OUTPUT]: joined } = await session.run(Object.fromEntries(feeds));
  expect(joined!.data).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  await session.release();
});
