/** A real Chromium for tests. */
import { type Browser, chromium } from "playwright-core";
import { findChromium } from "./find-chromium.mjs";

export interface BrowserOptions {
  /** Whether WebGPU may run in software where there is no GPU. */
  readonly webgpu: boolean;
  /** Whether V8 optimises WebAssembly as it does for visitors: for tests that compute for minutes. */
  readonly isOptimised?: boolean;
}

export function launchChromium({ webgpu, isOptimised = false }: BrowserOptions): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium()!,
    args: [
      // Chromium's sandbox refuses to run as root, as in many containers; all pages here are our own.
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // V8 spends more time on optimising onnxruntime's WebAssembly than a test on running it. The results are the same.
      ...(isOptimised ? [] : ["--js-flags=--liftoff-only"]),
      // In software, code that zeroes workgroup memory takes most of a shader's compilation. A kernel that relied on zeros would give other
      // results than Node.
      ...(webgpu ? ["--enable-unsafe-webgpu", "--enable-dawn-features=disable_workgroup_init"] : []),
    ],
  });
}
