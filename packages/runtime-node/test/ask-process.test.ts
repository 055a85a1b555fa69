/** Tests what is left of a process that answers, crashes, hangs or never starts, with programs that do just that. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { linux } from "@air-onnx/test/requirements";
import { afterAll, describe, expect, it } from "vitest";
import { askProcess, MOST_PRINTED } from "../src/ask-process.js";
import { probeDevice, requireProbedDevice } from "../src/device-probe.js";
import { DeviceUnavailableError } from "../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "air-onnx-ask-"));
afterAll(() => rmSync(folder, { recursive: true }));

let programs = 0;
function programOf(source: string): URL {
  const path = join(folder, `program-${programs++}.mjs`);
  writeFileSync(path, source);
  return pathToFileURL(path);
}

describe("a process that is asked", () => {
  it("gives its answer, with typed arrays, although it would live on", async () => {
    const program = programOf(`
      process.once("message", (x) => process.send({ doubled: x.map((value) => 2 * value) }));
      setInterval(() => {}, 1000);`);
    expect(await askProcess(program, Float32Array.of(1, 2))).toEqual({
      answer: { doubled: Float32Array.of(2, 4) },
      printed: "",
    });
  });

  it("has what it prints caught, to a limit", async () => {
    const program = programOf(`
      import { writeSync } from "node:fs";
      writeSync(1, "x".repeat(100_000) + "\\n");
      writeSync(2, "a warning of a driver\\n");
      process.once("message", () => process.send(1));`);
    const { printed, ...rest } = await askProcess(program, "?");
    expect(rest).toEqual({ answer: 1 });
    expect(printed).toContain("a warning of a driver");
    expect(printed.length).toBeLessThanOrEqual(MOST_PRINTED);
  });

  it.each([
    ["aborts", "process.abort()", process.platform === "win32" ? /ended with exit code/ : /ended with SIGABRT/],
    ["exits", 'console.error("no driver"); process.exit(3)', /ended with exit code 3: no driver$/],
    ["throws", 'throw new Error("no library")', /ended with exit code 1: .*/],
    ["is missing", undefined, /ended with exit code 1: .*/],
  ])("that %s is a failure in words", async (_, source, expected) => {
    const program = source === undefined ? pathToFileURL(join(folder, "nowhere.mjs")) : programOf(source);
    const result = await askProcess(program, "?");
    expect(result).toEqual({ failure: expect.stringMatching(expected), printed: expect.any(String) });
  });

  it("that hangs is stopped at its time limit", async () => {
    const program = programOf('process.once("message", () => { for (;;); });');
    expect(await askProcess(program, "?", { timeLimit: 500 })).toMatchObject({
      failure: "its process gave no answer within 0.5 s and was stopped",
    });
  });
});

describe("a probe of a device", () => {
  /** An environment whose processes run `source` first. */
  const running = (source: string) => ({
    ...process.env,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(source)}`,
  });

  linux.it("reports a crash, a hang and warnings of the driver", async () => {
    expect(await probeDevice("webgpu", { env: running("process.kill(process.pid, 'SIGSEGV')") })).toMatchObject({
      device: "webgpu",
      available: false,
      reason: expect.stringMatching(/its process ended with/),
    });
    expect(await probeDevice("webgpu", { env: running("for (;;);"), timeLimit: 500 })).toMatchObject({
      available: false,
      reason: "its process gave no answer within 0.5 s and was stopped",
    });
    const { printed } = await probeDevice("webgpu", { env: running("console.error('a warning')") });
    expect(printed).toContain("a warning");
    const required = requireProbedDevice("webgpu", { env: running("process.exit(7)") });
    await expect(required).rejects.toThrow(DeviceUnavailableError);
    await expect(required).rejects.toThrow(/ended with exit code 7/);
    const printing = requireProbedDevice("webgpu", { env: running("console.error('no library'); process.exit(7)") });
    await expect(printing).rejects.toThrow(/is not available: its process ended with exit code 7: no library$/m);
  });

  it("reports what drivers print without places in their sources, and each line once", async () => {
    const warning = "Warning: Couldn't load Vulkan\\n    at operator() (/build/BackendVk.cpp:368)";
    const env = running(`for (const _ of [1, 2]) console.error("${warning}")`);
    const { printed } = await probeDevice("webgpu", { env });
    expect(printed).toMatch(/^Warning: Couldn't load Vulkan(\n|$)/);
    expect(printed!.match(/Couldn't load Vulkan$/gm)).toHaveLength(1);
    expect(printed).not.toContain("BackendVk");
  });

  it("needs no process for the CPU", async () => {
    expect(await probeDevice("cpu", { env: running("process.abort()") })).toEqual({ device: "cpu", available: true });
  });
});
