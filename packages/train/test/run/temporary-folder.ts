import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** Gives each test of the calling file an empty folder of its own, and deletes it afterwards. */
export function useTemporaryFolder(): (...names: string[]) => string {
  let path: string;
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), "air-onnx-"));
  });
  afterEach(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return (...names) => join(path, ...names);
}
