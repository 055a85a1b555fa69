import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { GrowingFile } from "../../src/files/growing-file.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "air-onnx-growing-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("is in its place when it is kept, and replaces what was there only then", async () => {
  const path = join(folder, "deep", "table.csv");
  const file = await GrowingFile.make(path);
  writeFileSync(path, "old");
  await file.add("a\n");
  await file.add("b\n");
  expect(readFileSync(path, "utf8")).toBe("old");
  await file.keep();
  expect(readFileSync(path, "utf8")).toBe("a\nb\n");
  expect(readdirSync(join(folder, "deep"))).toEqual(["table.csv"]);
});

it("leaves nothing when it is discarded, or its place is taken by a folder", async () => {
  const file = await GrowingFile.make(join(folder, "table.csv"));
  await file.add("a\n");
  await file.discard();
  expect(readdirSync(folder)).toEqual([]);
  const other = await GrowingFile.make(join(folder, "taken", "x.csv"));
  rmSync(join(folder, "taken"), { recursive: true });
  await expect(other.keep()).rejects.toThrow(/Cannot write .*x\.csv/);
});
