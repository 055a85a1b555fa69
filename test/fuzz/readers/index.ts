/** All readers of files from outside. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Reader } from "../reader.js";
import { labelReaders } from "./labels.js";
import { modelReaders } from "./models.js";
import { pageReaders } from "./pages.js";
import { pictureReaders } from "./pictures.js";
import { runReaders } from "./runs.js";
import { sceneReaders } from "./scenes.js";

/** All readers, and a function that deletes their files. */
export async function openReaders(): Promise<{ readers: Reader[]; close: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "air-fuzz-"));
  const readers = [
    ...(await sceneReaders(folder)),
    ...(await pictureReaders()),
    ...labelReaders(folder),
    ...(await modelReaders(folder)),
    ...(await runReaders(folder)),
    ...pageReaders,
  ];
  return { readers, close: () => rmSync(folder, { recursive: true, force: true }) };
}
