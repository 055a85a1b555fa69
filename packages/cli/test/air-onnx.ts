/**
 * Runs command lines in a folder and with a cache of their own: by the built executable, as a user does, or faster in this
 * process, for tests of output and exit code alone.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { run } from "../src/run.js";

export const bin = fileURLToPath(new URL("../dist/bin.js", import.meta.url));

export interface Outcome {
  /** Exit code of the process; null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that commands run in. */
export class Workplace implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "air-onnx-cli-"));
  /** A folder on the path of the shell, as after an installation for all projects: commands are printed as `air-onnx`. */
  readonly #installed = mkdtempSync(join(tmpdir(), "air-onnx-bin-"));

  constructor() {
    if (!existsSync(bin)) throw new Error(`${bin} is not there: build the packages first (npm run build)`);
    symlinkSync(bin, join(this.#installed, "air-onnx"));
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  start(...args: string[]): ChildProcessWithoutNullStreams {
    const { DEBUG: _debug, AIR_ONNX_MNIST_DIR: _mnist, npm_command: _npm, ...env } = process.env;
    return spawn(process.execPath, [bin, ...args], {
      cwd: this.path,
      env: { ...env, PATH: this.#installed + delimiter + env.PATH, AIR_ONNX_CACHE: this.at("cache") },
    });
  }

  /** Runs to the end; once standard output matches `kill.at`, the process gets the signal. */
  run(args: readonly string[], kill?: { readonly at: RegExp; readonly signal: NodeJS.Signals }): Promise<Outcome> {
    const child = this.start(...args);
    child.stdin.end();
    let stdout = "";
    let stderr = "";
    let isSignalled = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (!kill || isSignalled || !kill.at.test(stdout)) return;
      // The signal is sent once: a second one ends a command at once.
      isSignalled = true;
      child.kill(kill.signal);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    });
  }

  /** Runs in this process, with the sources, one at a time. */
  async runHere(args: readonly string[]): Promise<Outcome> {
    const written = { stdout: "", stderr: "" };
    const capture = (name: "stdout" | "stderr") =>
      vi.spyOn(process[name], "write").mockImplementation((text) => {
        written[name] += String(text);
        return true;
      });
    const before = process.cwd();
    vi.stubEnv("AIR_ONNX_CACHE", this.at("cache"));
    vi.stubEnv("AIR_ONNX_MNIST_DIR", undefined);
    vi.stubEnv("DEBUG", undefined);
    vi.stubEnv("npm_command", undefined);
    vi.stubEnv("PATH", this.#installed + delimiter + process.env.PATH);
    const { argv } = process;
    process.argv = [argv[0]!, bin];
    const spies = [capture("stdout"), capture("stderr")];
    process.chdir(this.path);
    try {
      const code = await run(args);
      return { code, ...written };
    } finally {
      process.chdir(before);
      process.argv = argv;
      for (const spy of spies) spy.mockRestore();
      vi.unstubAllEnvs();
    }
  }

  [Symbol.dispose](): void {
    for (const folder of [this.path, this.#installed]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Settings of a model that trains within a second. */
export const tinyModel: readonly string[] = [
  ...["--batch-size", "4", "--steps-per-run", "10", "--threads", "1"],
  ...["lstmSize", "predictorSize", "encoderSize", "decoderSize", "zWhatSize"].flatMap((size) => [
    "--set",
    `model.${size}=4`,
  ]),
];

/** Settings of data that are drawn within a second. */
export const tiny: readonly string[] = ["--train-size", "200", "--test-size", "60", ...tinyModel];
