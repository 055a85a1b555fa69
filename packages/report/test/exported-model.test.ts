import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileError } from "@air-onnx/scenes";
import { afterAll, expect, it } from "vitest";
import { isExportedModel } from "../src/run/exported-model.js";

const place = mkdtempSync(join(tmpdir(), "air-onnx-exported-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

function folderWith(name: string, make: (file: string) => void): string {
  const folder = join(place, name);
  mkdirSync(folder);
  make(join(folder, "config.json"));
  return folder;
}

it("tells an exported model from a run and from an empty folder", () => {
  expect(isExportedModel(folderWith("model", (file) => writeFileSync(file, '{"format":"air-onnx"}')))).toBe(true);
  expect(isExportedModel(folderWith("run", (file) => writeFileSync(file, '{"dataset":"multi-strokes"}')))).toBe(false);
  expect(isExportedModel(folderWith("empty", () => {}))).toBe(false);
});

it("reads no file that is too large for a configuration", () => {
  const sizes = folderWith("huge", (file) => {
    writeFileSync(file, '{"format":"air-onnx"}');
    truncateSync(file, 5e9);
  });
  expect(isExportedModel(sizes)).toBe(false);
  expect(isExportedModel(folderWith("deep", (file) => writeFileSync(file, "[".repeat(20_000))))).toBe(false);
});

it("refuses a pipe without waiting, and a folder", () => {
  const pipe = folderWith("pipe", (file) => void execFileSync("mkfifo", [file]));
  for (const folder of [pipe, folderWith("folder", mkdirSync)]) {
    expect(() => isExportedModel(folder)).toThrow(FileError);
    expect(() => isExportedModel(folder)).toThrow(/config\.json is a folder, a pipe or a device/);
  }
});
