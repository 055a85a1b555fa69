/** A standard output that fails, and signals that end a terminal's commands: what is done is done, and the exit code says so. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync } from "node:fs";
import { linux } from "@air-onnx/test/requirements";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listenForStop } from "../src/stop-signal.js";
import { bin, type Outcome, tiny, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

const training = ["train", ...tiny, "--steps", "40", "--evaluate-every", "40", "--checkpoint-every", "20"];
const CLOSED = "notice: standard output was closed; going on without printing\n";

/** Runs a command whose reader reads one piece and goes, as `head -1` does, or none. */
function runForReaderThatGoes(args: readonly string[], pieces: 0 | 1): Promise<Outcome> {
  const child = place.start(...args);
  let stdout = "";
  let stderr = "";
  if (pieces === 0) child.stdout.destroy();
  else
    child.stdout.once("data", (data) => {
      stdout += data;
      child.stdout.destroy();
    });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

/** Runs a command with standard output on a device that is always full. */
async function runOnFullDisk(args: readonly string[]): Promise<Pick<Outcome, "code" | "stderr">> {
  const full = openSync("/dev/full", "w");
  const env = { ...process.env, AIR_ONNX_CACHE: place.at("cache") };
  const child = spawn(process.execPath, [bin, ...args], { cwd: place.path, env, stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  let stderr = "";
  child.stderr!.on("data", (data) => {
    stderr += data;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stderr })));
}

describe("a reader that goes", () => {
  let trained: Outcome;
  beforeAll(async () => {
    trained = await runForReaderThatGoes([...training, "--out", "run"], 1);
  }, 120_000);

  it("does not stop training, which says so and ends with 0", () => {
    expect(trained).toMatchObject({ code: 0, stderr: CLOSED });
    expect(readdirSync(place.at("run", "checkpoints"))).toContain("step-00000040.json");
    expect(existsSync(place.at("run", "lock"))).toBe(false);
  });

  it("does not stop an export", async () => {
    const args = ["export", "run", "--out", "model", "--images", "5", "--backend", "cpu"];
    // Beside it stands that 60 held-out images are too few to fit to what is typical.
    expect(await runForReaderThatGoes(args, 0)).toMatchObject({ code: 0, stderr: expect.stringContaining(CLOSED) });
    expect(existsSync(place.at("model", "README.md"))).toBe(true);
  });

  it("does not stop the writing of images", async () => {
    const args = ["data", "multi-strokes", "--train-size", "20", "--test-size", "10", "--npz", "some.npz"];
    expect(await runForReaderThatGoes(args, 0)).toMatchObject({ code: 0, stderr: CLOSED });
    expect(existsSync(place.at("some.npz"))).toBe(true);
  });

  it("stops a command that does nothing but print, with the code of SIGPIPE", async () => {
    expect(await runForReaderThatGoes(["eval", "run"], 0)).toMatchObject({ code: 141, stderr: "" });
  });
});

describe("a full disk under standard output", () => {
  linux.it("is one line, lets training end, and is a failure", async () => {
    const { code, stderr } = await runOnFullDisk([...training, "--out", "full"]);
    expect(stderr).toMatch(/^error: Cannot write to standard output: ENOSPC: [^\n]*; going on without printing\n$/);
    expect(code).toBe(1);
    expect(readdirSync(place.at("full", "checkpoints"))).toContain("step-00000040.json");
    expect(existsSync(place.at("full", "lock"))).toBe(false);
  });

  linux.it("stops a command that does nothing but print", async () => {
    const { code, stderr } = await runOnFullDisk(["eval", "full"]);
    expect(stderr).toMatch(/^error: Cannot write to standard output: ENOSPC: [^\n]*\n$/);
    expect(code).toBe(1);
  });
});

describe.each(["SIGHUP", "SIGINT", "SIGTERM"] as const)("%s", (name) => {
  it("asks once to stop; the second is the system's own", () => {
    const before = process.listenerCount(name);
    using stopping = listenForStop();
    process.emit(name, name);
    expect(stopping.signal.reason).toMatchObject({ name: "StoppedError", signal: name });
    expect(process.listenerCount(name)).toBe(before);
  });
});
