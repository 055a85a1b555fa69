import { afterEach, describe, expect, it, vi } from "vitest";
import { listDevices, whyNotGpu } from "../src/device-status.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

function browserWith(adapter: object | null): void {
  vi.stubGlobal("navigator", { gpu: { requestAdapter: async () => adapter } });
}

const info = { vendor: "google", architecture: "swiftshader" };

describe("WebGPU under device auto", () => {
  it("is chosen on a real GPU", async () => {
    browserWith({ info: { ...info, isFallbackAdapter: false } });
    expect(await whyNotGpu(undefined)).toBeUndefined();
    browserWith({ info });
    expect(await whyNotGpu(undefined)).toBeUndefined();
  });

  it.each([
    ["as browsers say it", { info: { ...info, isFallbackAdapter: true } }],
    ["as they said it once", { info, isFallbackAdapter: true }],
  ])("is skipped where it is emulated in software, %s", async (_, adapter) => {
    browserWith(adapter);
    expect(await whyNotGpu(undefined)).toMatch(/adapter \(google swiftshader\) is software on the CPU/);
    const devices = await listDevices();
    expect(devices).toEqual([
      { device: "webgpu", available: true, software: true },
      { device: "wasm", available: true },
    ]);
  });

  it("is not available without an adapter", async () => {
    browserWith(null);
    expect(await whyNotGpu(undefined)).toMatch(/^webgpu is not available: .*no adapter/);
    expect((await listDevices())[0]).toMatchObject({ device: "webgpu", available: false });
  });
});
