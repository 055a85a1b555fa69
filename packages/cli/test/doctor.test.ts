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
  const { code, stdout, stderr } = await place.run(["doctor"]);
  expect(code).toBe(0);
  // Dawn writes there by itself that it finds no Vulkan: it has to be caught.
  expect(stderr).toBe("");
  const webgpu = /^device webgpu +(.*)$/m.exec(stdout)![1]!;
  // Where onnxruntime-node has no WebGPU provider for the processor, a driver would not help.
  if (webgpu.includes("has no webgpu provider")) expect(webgpu).not.toContain("Vulkan");
  else expect(webgpu).toMatch(/^no: .*adapter.*it needs a GPU with a Vulkan/);
  expect(stdout).toMatch(/^backend onnxruntime-webgpu +no: see device webgpu$/m);
});

linux.it("survives a driver that crashes, and says so in its row", async () => {
  const crash = "if (process.argv[1].endsWith('device-probe-process.js')) process.abort();";
  vi.stubEnv("NODE_OPTIONS", `--import=data:text/javascript,${encodeURIComponent(crash)}`);
  const { code, stdout, stderr } = await place.run(["doctor"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^device cpu +works$/m);
  expect(stdout).toMatch(/^device webgpu +no: its process ended with SIGABRT/m);
  expect(stdout).toMatch(/^backend onnxruntime-webgpu +no: see device webgpu$/m);
  expect(stdout).toMatch(/^MNIST /m);
});

linux.it("lets no command print what a driver prints", async () => {
  vi.stubEnv("VK_ICD_FILENAMES", place.at("no-driver.json"));
  const { code, stderr } = await place.run(["bench", "train", "--backend", "onnxruntime-webgpu", "--repeats", "1"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: The backend onnxruntime-webgpu is not available/);
});
