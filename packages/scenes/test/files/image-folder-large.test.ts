/** A folder of as many images as no test can write: its list and its images are stood in for. */
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { readImageFolder } from "../../src/files/image-folder.js";

const { names } = vi.hoisted(() => ({
  names: Array.from({ length: 300_000 }, (_, i) => `${String(i).padStart(6, "0")}.png`),
}));

vi.mock("node:fs/promises", async (original) => ({
  ...(await original<typeof import("node:fs/promises")>()),
  readdir: async () => [...names, "counts.csv"],
}));
vi.mock("../../src/files/read-file.js", () => ({
  readWholeFile: async () => Buffer.from(names.map((name, i) => `${name},${i % 4}\n`).join("")),
}));
vi.mock("../../src/files/picture.js", async (original) => ({
  ...(await original<typeof import("../../src/files/picture.js")>()),
  readPicture: async () => ({ width: 2, height: 2, channels: 1, data: Uint8Array.of(1, 2, 3, 4) }),
}));

it("a folder of 300,000 labelled images is read", async () => {
  const scenes = await readImageFolder(join("large", "folder"));
  expect([scenes.size, scenes.maxObjects, scenes.counts.length]).toEqual([300_000, 3, 300_000]);
  expect(scenes.images.every((level, i) => level === (i % 4) + 1)).toBe(true);
  expect(scenes.counts.every((count, i) => count === i % 4)).toBe(true);
});
