/** The lock under processes that take it at once: every interleaving of two, in this process, and many real races. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { FileError } from "@air-onnx/scenes";
import { beginFaults, endFaults } from "@air-onnx/test/faults";
import { afterEach, describe, expect, it } from "vitest";
import { raceForLock } from "../../../../test/faults/lock-race.mjs";
import { type FileLock, takeLock } from "../../src/run/lock.js";
import { useTemporaryFolder } from "./temporary-folder.js";

const at = useTemporaryFolder();
const silent = (): void => {};
const ended = spawnSync(process.execPath, ["-e", ""]).pid;
const lock = () => at("lock");
const leaveStale = (path = lock()): void => {
  writeFileSync(path, JSON.stringify({ pid: ended, host: hostname(), processStart: "1", nonce: path }));
};
afterEach(() => void endFaults());

/** The lock if it can be had; undefined if another has it. */
function tryToTake(): FileLock | undefined {
  try {
    return takeLock(lock(), silent);
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause;
    return undefined;
  }
}

/**
 * Takes the lock; before its operation of each number in `pauses`, another does so, from beginning to end, with its own pauses.
 */
function takeWithOthers([pause, ...others]: readonly number[]): (FileLock | undefined)[] {
  if (pause === undefined) return [tryToTake()];
  const taken: (FileLock | undefined)[] = [];
  let isInside = false;
  const begin = (): void =>
    beginFaults({
      root: at(),
      onOperation: (number) => {
        if (number !== pause || isInside) return;
        isInside = true;
        endFaults();
        taken.push(...takeWithOthers(others));
        endFaults();
      },
    });
  begin();
  taken.push(tryToTake());
  endFaults();
  return taken;
}

/** Takes the lock; before its operation of each number in `pauses`, another does so, from beginning to end. */
function takeOvertakenAt(pauses: readonly number[]): (FileLock | undefined)[] {
  const taken: (FileLock | undefined)[] = [];
  let isInside = false;
  beginFaults({
    root: at(),
    onOperation: (number) => {
      if (isInside || !pauses.includes(number)) return;
      isInside = true;
      taken.push(tryToTake());
      isInside = false;
    },
  });
  // The others' operations are counted, too: that only moves the second pause.
  taken.push(tryToTake());
  endFaults();
  return taken;
}

describe.each([
  ["free", () => {}],
  ["held by a process that has ended", () => leaveStale()],
  [
    "left by two that ended while it was taken over",
    () => {
      leaveStale();
      leaveStale(`${lock()}.takeover`);
    },
  ],
])("a lock that is %s", (_, prepare) => {
  /** More operations than one taking of it has. */
  const most = 24;

  it("has one winner, wherever one process is overtaken by a second, and that one by a third", () => {
    let overtaken = 0;
    for (let first = 1; first <= most; first++) {
      for (let second = 1; second <= most; second++) {
        prepare();
        const taken = takeWithOthers([first, second]);
        if (taken.length === 3) overtaken++;
        expect(taken.filter(Boolean), `overtaken before operations ${first} and ${second}`).toHaveLength(1);
        for (const each of taken) each?.release();
        expect(existsSync(lock())).toBe(false);
      }
    }
    expect(overtaken).toBeGreaterThan(8);
    expect(readdirSync(at())).toEqual([]);
  });

  it("has one winner, wherever one process is overtaken twice", () => {
    for (let first = 1; first <= most; first++) {
      for (let second = first + 1; second <= 2 * most; second++) {
        prepare();
        const taken = takeOvertakenAt([first, second]);
        expect(taken.filter(Boolean), `overtaken before operations ${first} and ${second}`).toHaveLength(1);
        for (const each of taken) each?.release();
      }
    }
    expect(readdirSync(at())).toEqual([]);
  });
});

it("has one winner among processes that take over the lock of a dead one at once", async () => {
  const { races, winners } = await raceForLock(at(), { races: 300, processes: 4 });
  expect(races).toBe(300);
  expect(winners).toEqual({ 1: 300 });
});
