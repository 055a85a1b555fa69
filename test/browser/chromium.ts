/**
 * A real Chromium for tests. Where there is none they are skipped and say so, unless AIR_ONNX_REQUIRE_CHROMIUM is set: then
 * they fail.
 */
import { type Browser, chromium } from "playwright-core";
import { describe } from "vitest";
import { findChromium, howToGetOne } from "./find-chromium.mjs";

const executable = findChromium();

/** `describe` for tests that need a browser. */
export const describeInChromium = describe.skipIf(executable === undefined);

if (executable === undefined) {
  const line = `No Chromium: the tests in a browser do not run. ${howToGetOne}.`;
  if (process.env.AIR_ONNX_REQUIRE_CHROMIUM) throw new Error(line);
  console.warn(`\nSKIPPED: ${line}\n`);
}

export interface BrowserOptions {
  /** Let WebGPU run in software where there is no GPU. */
  readonly webgpu: boolean;
}

export function launchChromium({ webgpu }: BrowserOptions): Promise<Browser> {
  return chromium.launch({
    executablePath: executable!,
    args: [
      // Chromium's sandbox refuses root, which is who runs in many containers; the pages are our own.
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(webgpu ? ["--enable-unsafe-webgpu"] : []),
    ],
  });
}
