/** Tests the doctor's text; its JSON is tested with the other commands. */
import { linux } from "@air-onnx/test/requirements";
import { afterAll, afterEach, expect, vi } from "vitest";
import { Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());
afterEach(() => vi.unstubAllEnvs());

// On other systems, environment variables cannot hide a GPU.
linux.it("says what a WebGPU adapter needs, once", async () => {
  vi.stubEnv("VK_ICD_FILENAMES", place.at("no-driver.json"));
  // Dawn itself writes to standard error that it finds no Vulkan.
  const { code, stdout } = await place.run(["doctor"]);
  expect(code).toBe(0);
  const webgpu = /^device webgpu +(.*)$/m.exec(stdout)![1]!;
  // Where onnxruntime-node has no WebGPU provider for the processor, a driver would not help.
  if (webgpu.includes("has no webgpu provider")) expect(webgpu).not.toContain("Vulkan");
  else expect(webgpu).toMatch(/^no: .*adapter.*it needs a GPU with a Vulkan/);
  expect(stdout).toMatch(/^backend onnxruntime-webgpu +no: see device webgpu$/m);
});
