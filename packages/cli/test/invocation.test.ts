import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asTyped, typedAs } from "../src/invocation.js";

const place = mkdtempSync(join(tmpdir(), "air-onnx-invocation-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const [project, elsewhere, path] = [join(place, "project"), join(place, "elsewhere"), join(place, "bin")];
const program = join(place, "lib", "air-onnx.js");
beforeAll(() => {
  for (const folder of [
    join(project, "node_modules", ".bin"),
    join(project, "deep"),
    elsewhere,
    path,
    join(place, "lib"),
  ]) {
    mkdirSync(folder, { recursive: true });
  }
  writeFileSync(program, "");
  symlinkSync(program, join(project, "node_modules", ".bin", "air-onnx"));
  symlinkSync(program, join(path, "air-onnx"));
});

describe("the command", () => {
  it("is typed by its name where the shell finds it", () => {
    expect(typedAs({ program: join(path, "air-onnx"), folder: elsewhere, env: { PATH: path } })).toBe("air-onnx");
  });

  it("is typed by npx in a project, whoever started it, also in a folder of it", () => {
    const bin = join(project, "node_modules", ".bin");
    const env = { PATH: bin, npm_command: "exec" };
    expect(typedAs({ program: join(bin, "air-onnx"), folder: join(project, "deep"), env })).toBe("npx air-onnx");
    expect(typedAs({ program, folder: project, env: { PATH: "" } })).toBe("npx air-onnx");
    // As a script of npm, which puts the project's programs on the path.
    expect(typedAs({ program, folder: project, env: { PATH: bin, npm_command: "run-script" } })).toBe("npx air-onnx");
  });

  it("is typed by npx and the package's name where npx fetched it, and else by node", () => {
    expect(typedAs({ program, folder: elsewhere, env: { PATH: "", npm_command: "exec" } })).toBe(
      "npx -p @air-onnx/cli air-onnx",
    );
    expect(typedAs({ program, folder: place, env: { PATH: "" } })).toBe(`node ${join("lib", "air-onnx.js")}`);
    expect(typedAs({ program, folder: elsewhere, env: { PATH: "" } })).toBe(`node ${program}`);
  });

  it("of another installation on the path is not this one", () => {
    expect(typedAs({ program: join(elsewhere, "other.js"), folder: elsewhere, env: { PATH: path } })).toBe(
      "node other.js",
    );
  });
});

it("commands in a text are as they are typed, and nothing else is", () => {
  const text =
    "Next: air-onnx export runs/a\n  $ air-onnx train photos\n  air-onnx eval m\nan air-onnx model, in air-onnx.";
  expect(asTyped(text, "npx air-onnx")).toBe(
    "Next: npx air-onnx export runs/a\n  $ npx air-onnx train photos\n  npx air-onnx eval m\nan air-onnx model, in air-onnx.",
  );
  expect(asTyped(text, "air-onnx")).toBe(text);
});
