import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { FileError } from "@air-onnx/scenes";
import { linux } from "@air-onnx/test/requirements";
import { describe, expect, it } from "vitest";
import { parseTrainConfig } from "../../src/config.js";
import { createRunFolder, openRunFolder, resumeRunFolder, stepName } from "../../src/run/run-folder.js";
import { useTemporaryFolder } from "./temporary-folder.js";

const inFolder = useTemporaryFolder();
const config = parseTrainConfig({ dataset: "multi-strokes", seed: 3 });
const silent = (message: string): void => {
  throw new Error(`Unexpected notice: ${message}`);
};

/** The id of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

function writeLock(run: string, holder: unknown): void {
  writeFileSync(`${run}/lock`, JSON.stringify(holder));
}

describe("createRunFolder", () => {
  it("makes the folders above it too, and a run that opens with the same configuration", async () => {
    const { folder, lock } = await createRunFolder(inFolder("runs", "first"), config, silent);
    lock.release();
    expect(openRunFolder(folder.path).config).toEqual(config);
    expect(readdirSync(folder.path).sort()).toEqual(["checkpoints", "config.json", "pictures"]);
    expect(folder.pictureFile(1000)).toBe(inFolder("runs", "first", "pictures", "step-00001000.png"));
  });

  it("accepts an empty folder", async () => {
    mkdirSync(inFolder("run"));
    const { lock } = await createRunFolder(inFolder("run"), config, silent);
    lock.release();
  });

  it("refuses the folder of another run and says how to go on with it", async () => {
    const { lock } = await createRunFolder(inFolder("run"), config, silent);
    lock.release();
    const before = readFileSync(inFolder("run", "config.json"));
    const again = createRunFolder(inFolder("run"), { ...config, seed: 4 }, silent);
    await expect(again).rejects.toThrow("run holds a run already: resume it, or choose another folder");
    await expect(again).rejects.toMatchObject({ kind: "occupied", holds: "run", path: inFolder("run") });
    expect(readFileSync(inFolder("run", "config.json"))).toEqual(before);
    expect(existsSync(inFolder("run", "lock"))).toBe(false);
  });

  it("refuses a folder of other things and leaves it alone", async () => {
    writeFileSync(inFolder("letter.txt"), "");
    const refused = createRunFolder(inFolder(), config, silent);
    await expect(refused).rejects.toThrow(/is not empty.*letter\.txt.*another folder/);
    await expect(refused).rejects.toMatchObject({ kind: "occupied", holds: "other", path: inFolder() });
    expect(readdirSync(inFolder())).toEqual(["letter.txt"]);
  });

  it("takes what a making that was killed left, and nothing that is somebody's own", async () => {
    const leaveHalfMade = (): void => {
      mkdirSync(inFolder("run", "checkpoints"), { recursive: true });
      mkdirSync(inFolder("run", "pictures"), { recursive: true });
      const host = hostname().replace(/[^0-9A-Za-z-]/g, "-");
      for (const of of ["config.json", "lock"]) {
        writeFileSync(inFolder("run", `.${of}.${host}~${endedProcess()}~0123456789ab.tmp`), "{");
      }
      writeLock(inFolder("run"), { pid: endedProcess(), host: hostname(), processStart: "1" });
    };
    leaveHalfMade();
    expect(() => openRunFolder(inFolder("run"))).toThrow(/cannot read config\.json.*can be made again/);
    const notices: string[] = [];
    const { lock } = await createRunFolder(inFolder("run"), config, (line) => notices.push(line));
    lock.release();
    expect(notices.join("\n")).toMatch(/Took over the lock.*Deleted a half-written file/s);
    expect(readdirSync(inFolder("run")).sort()).toEqual(["checkpoints", "config.json", "pictures"]);

    rmSync(inFolder("run"), { recursive: true });
    leaveHalfMade();
    writeFileSync(inFolder("run", "pictures", "thesis.txt"), "");
    await expect(createRunFolder(inFolder("run"), config, silent)).rejects.toThrow(/it holds pictures/);
    expect(existsSync(inFolder("run", "pictures", "thesis.txt"))).toBe(true);
  });

  it("names the folder that cannot be made", async () => {
    writeFileSync(inFolder("file"), "");
    const refused = createRunFolder(inFolder("file"), config, silent);
    await expect(refused).rejects.toThrow(/file: it is a file$/);
    await expect(refused).rejects.toMatchObject({ kind: "occupied", holds: "other", path: inFolder("file") });
    const below = createRunFolder(inFolder("file", "run"), config, silent);
    await expect(below).rejects.toThrow(FileError);
    await expect(below).rejects.toThrow(/Cannot create run folder .*run: a part of the path is a file/);
  });
});

describe("openRunFolder", () => {
  it("says what is missing or broken", async () => {
    expect(() => openRunFolder(inFolder("none"))).toThrow(/none is not a run folder.*config\.json/);
    writeFileSync(inFolder("config.json"), '{"dataset":');
    expect(() => openRunFolder(inFolder())).toThrow(/config\.json is not JSON/);
    for (const [text, fault] of [
      ['{"__proto__":{"steps":1}}', /config\.json has the key "__proto__"/],
      ["[".repeat(20_000), /config\.json nests objects or lists more than 32 deep/],
      [" ".repeat(2 ** 20 + 1), /cannot read config\.json: it has 1048577 bytes, at most 1048576 are read/],
    ] as const) {
      writeFileSync(inFolder("config.json"), text);
      expect(() => openRunFolder(inFolder())).toThrow(FileError);
      expect(() => openRunFolder(inFolder())).toThrow(fault);
    }
    writeFileSync(inFolder("config.json"), '{"dataset":"multi-mnist","steps":-1}');
    expect(() => openRunFolder(inFolder())).toThrow(/steps: /);
  });

  it("needs no lock: a run can be read while another process trains into it", async () => {
    const { folder, lock } = await createRunFolder(inFolder("run"), config, silent);
    expect(openRunFolder(folder.path).config).toEqual(config);
    lock.release();
  });
});

describe("the lock of a run", () => {
  it("keeps a second process out until it is released", async () => {
    const { folder, lock } = await createRunFolder(inFolder("run"), config, silent);
    await expect(resumeRunFolder(folder.path, silent)).rejects.toThrow(
      new RegExp(`lock is held by process ${process.pid} .*training into this folder`),
    );
    lock.release();
    const again = await resumeRunFolder(folder.path, silent);
    expect(again.folder.config).toEqual(config);
    again.lock.release();
    expect(existsSync(folder.lockFile)).toBe(false);
  });

  it("is taken over from a process that was killed, with a notice", async () => {
    const { folder, lock } = await createRunFolder(inFolder("run"), config, silent);
    lock.release();
    const pid = endedProcess();
    writeLock(folder.path, { pid, host: hostname(), processStart: "1" });
    const notices: string[] = [];
    const resumed = await resumeRunFolder(folder.path, (message) => notices.push(message));
    expect(notices).toEqual([expect.stringContaining(`lock of process ${pid}`)]);
    await expect(resumeRunFolder(folder.path, silent)).rejects.toThrow(`held by process ${process.pid}`);
    resumed.lock.release();
    expect(readdirSync(folder.path)).not.toContain("lock");
  });

  it("does not keep out a run that was killed before it had a configuration", async () => {
    mkdirSync(inFolder("run"));
    writeLock(inFolder("run"), { pid: endedProcess(), host: hostname(), processStart: null });
    const notices: string[] = [];
    const { lock } = await createRunFolder(inFolder("run"), config, (message) => notices.push(message));
    expect(notices).toHaveLength(1);
    lock.release();
  });

  linux.it("knows a process from a later one with the same id", async () => {
    const { folder, lock } = await createRunFolder(inFolder("run"), config, silent);
    lock.release();
    writeLock(folder.path, { pid: process.pid, host: hostname(), processStart: "1" });
    const notices: string[] = [];
    (await resumeRunFolder(folder.path, (message) => notices.push(message))).lock.release();
    expect(notices).toHaveLength(1);
  });

  it("is left alone when it cannot be judged", async () => {
    const { folder, lock } = await createRunFolder(inFolder("run"), config, silent);
    lock.release();
    writeLock(folder.path, { pid: endedProcess(), host: "another-machine", processStart: null });
    await expect(resumeRunFolder(folder.path, silent)).rejects.toThrow(/on another-machine\. If .* delete the file/);
    writeFileSync(folder.lockFile, "");
    await expect(resumeRunFolder(folder.path, silent)).rejects.toThrow(/lock is not a lock of this program/);
  });

  it("of another process is not removed by a late release", async () => {
    const { folder, lock } = await createRunFolder(inFolder("run"), config, silent);
    writeLock(folder.path, { pid: process.ppid, host: hostname(), processStart: null });
    lock.release();
    expect(existsSync(folder.lockFile)).toBe(true);
  });
});

describe("resumeRunFolder", () => {
  it("deletes what a killed process left half-written, and says so", async () => {
    const { folder, lock } = await createRunFolder(inFolder("run"), config, silent);
    lock.release();
    const host = hostname().replace(/[^0-9A-Za-z.-]/g, "-");
    const leftover = `.step-00000500.safetensors.${host}~${endedProcess()}~0123456789ab.tmp`;
    writeFileSync(`${folder.checkpoints}/${leftover}`, "half");
    const notices: string[] = [];
    (await resumeRunFolder(folder.path, (message) => notices.push(message))).lock.release();
    expect(notices).toEqual([expect.stringContaining(leftover)]);
    expect(readdirSync(folder.checkpoints)).toEqual([]);
  });
});

it("names steps so that names sort as numbers do", () => {
  expect([20, 1000, 999_999].map(stepName)).toEqual(["step-00000020", "step-00001000", "step-00999999"]);
});
