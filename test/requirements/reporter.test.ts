/** Tests the reporter in whole runs of vitest on the files in runs/. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";

const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
const config = fileURLToPath(new URL("runs/vitest.config.ts", import.meta.url));

interface Outcome {
  readonly code: number;
  readonly output: string;
  /** The lines after vitest's own closing lines. */
  readonly closing: readonly string[];
}

function run(args: readonly string[], required = ""): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [vitest, "run", "--config", config, ...args],
      { env: { ...process.env, AIR_ONNX_REQUIRE: required } },
      (_error, stdout, stderr) => {
        const lines = stripVTControlCharacters(stdout).trimEnd().split("\n");
        const last = lines.findLastIndex((line) => /^ +Duration /.test(line));
        const closing = lines.slice(last + 1).filter((line) => line !== "");
        resolve({ code: child.exitCode!, output: stripVTControlCharacters(stdout + stderr), closing });
      },
    );
  });
}

describe("what is not required", () => {
  it("is skipped, with a line for each requirement and the numbers last", async () => {
    expect(await run(["requirements"])).toMatchObject({
      code: 0,
      closing: [
        "4 tests skipped: there is no oven. Buy one.",
        "1 test skipped: this is not the moon. Fly there.",
        "3 tests skipped: luck ran out (die: one; coin: tails). Try again.",
        "3 passed, 0 failed, 8 skipped",
      ],
    });
  });
});

describe("what AIR_ONNX_REQUIRE names", () => {
  it("fails where it is missing, and nothing else does", async () => {
    const { code, output, closing } = await run(["requirements"], "oven");
    expect(code).toBe(1);
    expect(output).toMatch(/FAIL +requirements\.ts > needs an oven/);
    expect(output).toMatch(/FAIL +requirements\.ts > with an oven > requires oven/);
    expect(output).toContain("Error: AIR_ONNX_REQUIRE asks for oven, but there is no oven. Buy one.");
    expect(output).toContain("2 failed | 3 passed | 4 skipped");
    expect(closing).toEqual([
      "1 test skipped: this is not the moon. Fly there.",
      "3 tests skipped: luck ran out (die: one; coin: tails). Try again.",
    ]);
  });

  it("as `all` is what any machine can have", async () => {
    const { code, closing } = await run(["requirements"], "all");
    expect(code).toBe(1);
    expect(closing.join()).toContain("the moon");
    expect(closing.join()).not.toContain("oven");
  });

  it("fails in the test that finds it missing", async () => {
    const { code, output } = await run(["requirements"], "moon, luck");
    expect(code).toBe(1);
    expect(output).toMatch(/FAIL +requirements\.ts > with coins > tosses one/);
    expect(output).toContain("asks for luck, but luck ran out (coin: tails). Try again.");
    expect(output).toContain("asks for moon, but this is not the moon. Fly there.");
  });
});

describe("a test that is skipped without a requirement", () => {
  it("makes the run fail, and is named", async () => {
    const { code, closing } = await run(["silent"]);
    expect(code).toBe(1);
    expect(closing).toEqual([
      expect.stringMatching(/^4 tests skipped without a requirement, so this run fails\. /),
      "  silent.ts > is skipped",
      "  silent.ts > is planned",
      "  silent.ts > leaves",
      "  silent.ts > a skipped suite > of one test",
    ]);
  });

  it("may be what a filter leaves out", async () => {
    expect(await run(["silent", "-t", "runs"])).toMatchObject({
      code: 0,
      closing: ["4 tests skipped: the filter of this run leaves them out.", "1 passed, 0 failed, 4 skipped"],
    });
    expect(await run(["silent:3"])).toMatchObject({ code: 0 });
  });

  it("may be what a failure leaves undone", async () => {
    const { code, output, closing } = await run(["failing"]);
    expect(code).toBe(1);
    expect(output).toContain("the hook's own error");
    expect(closing).toEqual(["1 test skipped: there is no oven. Buy one."]);
  });
});
