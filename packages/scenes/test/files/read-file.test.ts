import { execFileSync } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linux } from "@air-onnx/test/requirements";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../../src/errors.js";
import { type ReadLimit, readInParts, readWholeFile, readWholeFileSync } from "../../src/files/read-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-read-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.each([
  ["readWholeFile", readWholeFile],
  ["readWholeFileSync", async (path: string, limit: ReadLimit) => readWholeFileSync(path, limit)],
  [
    "readInParts",
    (path: string, limit: ReadLimit) =>
      readInParts(path, limit, async ({ size, read }) => {
        const bytes = Buffer.alloc(size);
        for (let at = 0; at < size; at += 3) await read(bytes.subarray(at, at + 3), at);
        return bytes;
      }),
  ],
] as const)("%s", (_, read) => {
  it("gives a file's bytes, also of an empty file", async () => {
    const path = join(folder, "a");
    await writeFile(path, "some bytes");
    expect((await read(path, { maxBytes: 10 })).toString()).toBe("some bytes");
    await writeFile(path, "");
    expect(await read(path, { maxBytes: 0 })).toHaveLength(0);
  });

  it("refuses a file by its size, whatever it takes on the disk", async () => {
    const path = join(folder, "sparse");
    await writeFile(path, "");
    await truncate(path, 2 ** 40);
    await expect(read(path, { maxBytes: 1000 })).rejects.toThrow(FileError);
    await expect(read(path, { maxBytes: 1000 })).rejects.toThrow(
      `Cannot read ${path}: it has 1099511627776 bytes, at most 1000 are read`,
    );
  });

  it("tells a missing file from a folder", async () => {
    const path = join(folder, "none");
    await expect(read(path, { maxBytes: 9, what: "image none" })).rejects.toThrow(
      "Cannot read image none: the file or its folder does not exist (ENOENT)",
    );
    await expect(read(folder, { maxBytes: 9 })).rejects.toThrow("it is a folder, not a file");
  });

  linux.it("refuses a pipe without waiting, and a device", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const path of [pipe, "/dev/zero"]) {
      await expect(read(path, { maxBytes: 9 })).rejects.toThrow("it is a device, a pipe or a socket, not a file");
    }
  });
});

describe("readInParts", () => {
  it("names the file if it becomes shorter, and throws what its user throws", async () => {
    const path = join(folder, "shrinking");
    await writeFile(path, "0123456789");
    const reading = readInParts(path, { maxBytes: 10 }, async ({ read }) => {
      await truncate(path, 4);
      await read(new Uint8Array(3), 2);
    });
    await expect(reading).rejects.toThrow(FileError);
    await expect(reading).rejects.toThrow(`Cannot read ${path}: it became shorter while it was read`);
    const own = new RangeError("own");
    await expect(readInParts(path, { maxBytes: 10 }, () => Promise.reject(own))).rejects.toBe(own);
  });
});
