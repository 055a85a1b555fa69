import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linux, unprivileged } from "@air-onnx/test/requirements";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../../src/errors.js";
import { reasonInWords, removeStaleTemporaries, writeFileAtomic } from "../../src/files/atomic-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-atomic-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("writeFileAtomic", () => {
  it("writes and replaces, and leaves only the file", async () => {
    const path = join(folder, "a.bin");
    await writeFileAtomic(path, "first");
    await writeFileAtomic(path, [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    expect(await readdir(folder)).toEqual(["a.bin"]);
  });

  it("leaves the whole file of one writer when many write at once", async () => {
    const path = join(folder, "a.bin");
    const texts = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000));
    await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
    expect(texts).toContain(await readFile(path, "utf8"));
    expect(await readdir(folder)).toEqual(["a.bin"]);
  });

  it("names the path and the reason when the folder is missing", async () => {
    const path = join(folder, "missing", "a.bin");
    const error = await writeFileAtomic(path, "x").catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({
      path,
      message: `Cannot write ${path}: the file or its folder does not exist (ENOENT)`,
    });
  });

  it("leaves no temporary file behind when the rename fails", async () => {
    const path = join(folder, "taken");
    await mkdir(join(path, "inside"), { recursive: true });
    await expect(writeFileAtomic(path, "x")).rejects.toThrow(`Cannot write ${path}: `);
    expect(await readdir(folder)).toEqual(["taken"]);
  });

  unprivileged.it("says permission denied", async () => {
    await chmod(folder, 0o500);
    await expect(writeFileAtomic(join(folder, "a"), "x")).rejects.toThrow("permission denied (EACCES)");
  });

  linux.it("says so when the device is full", async () => {
    // Nothing can be renamed onto a device, but the reason's words come from the same table.
    const cause = await writeFile("/dev/full", "x").catch((error: unknown) => error);
    expect(reasonInWords(cause)).toBe("no space is left on the device (ENOSPC)");
  });
});

describe("reasonInWords", () => {
  it.each([
    ["EACCES", "permission denied (EACCES)"],
    ["ENOSPC", "no space is left on the device (ENOSPC)"],
    ["ENOENT", "the file or its folder does not exist (ENOENT)"],
    ["EROFS", "the file system is read-only (EROFS)"],
  ])("explains %s", (code, words) => {
    expect(reasonInWords(Object.assign(new Error("raw"), { code }))).toBe(words);
  });

  it("keeps the message of an error without a known code", () => {
    expect(reasonInWords(new Error("raw"))).toBe("raw");
    expect(reasonInWords("text")).toBe("text");
  });
});

describe("removeStaleTemporaries", () => {
  it("removes what a killed process left, and nothing else", async () => {
    const killed = await temporaryOfAKilledWriter();
    await writeFile(join(folder, "kept.tmp"), "");
    await writeFile(join(folder, ".hidden"), "");
    expect(await removeStaleTemporaries(folder)).toEqual([killed]);
    expect((await readdir(folder)).sort()).toEqual([".hidden", "kept.tmp"]);
  });

  it("spares the temporary files of running processes and of other hosts, until they are a day old", async () => {
    const killed = await temporaryOfAKilledWriter();
    const ours = killed.replace(/~\d+~/, `~${process.pid}~`);
    const parent = killed.replace(/~\d+~/, `~${process.ppid}~`);
    const elsewhere = killed.replace(/^[^~]*~/, ".big.elsewhere~");
    for (const name of [ours, parent, elsewhere]) await writeFile(join(folder, name), "");
    expect(await removeStaleTemporaries(folder)).toEqual([killed]);

    const twoDaysAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
    for (const name of [ours, parent, elsewhere]) await utimes(join(folder, name), twoDaysAgo, twoDaysAgo);
    expect((await removeStaleTemporaries(folder)).sort()).toEqual([ours, parent, elsewhere].sort());
  });

  it("has nothing to do in a folder that does not exist", async () => {
    expect(await removeStaleTemporaries(join(folder, "missing"))).toEqual([]);
  });

  /** Kills a process in the middle of its write, with SIGKILL, and returns the name of the temporary file it leaves. */
  async function temporaryOfAKilledWriter(): Promise<string> {
    // The source is TypeScript, which a plain Node 20 cannot run: a running writer's temporary is caught and renamed
    // to what a process that is then killed would have called it.
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    const writing = writeFileAtomic(join(folder, "big"), new Uint8Array(64 * 1024 * 1024));
    let name: string | undefined;
    while (name === undefined) name = (await readdir(folder)).find((entry) => entry.endsWith(".tmp"));
    await writing;
    await rm(join(folder, "big"));
    const left = name.replace(`~${process.pid}~`, `~${child.pid}~`);
    await writeFile(join(folder, left), "half");
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    return left;
  }
});
