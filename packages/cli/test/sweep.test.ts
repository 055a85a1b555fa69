import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { tiny, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

const settings = [...tiny, "--steps", "160", "--evaluate-every", "80", "--checkpoint-every", "20"];
const LAST_CHECKPOINT = "step-00000160.json";

interface Seed {
  readonly seed: number;
  readonly status: string;
  readonly failure?: string;
  readonly evaluation?: Readonly<Record<string, number>>;
}

function seedsOf(sweep: string): Seed[] {
  return JSON.parse(readFileSync(place.at(sweep, "sweep.json"), "utf8")).seeds;
}

function table(sweep: string): string {
  return readFileSync(place.at(sweep, "table.md"), "utf8");
}

function checkpoints(run: string): string[] {
  const folder = place.at(run, "checkpoints");
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
}

/** Runs a command line, which gets the signal when `run` has its first checkpoint. */
async function interrupt(args: readonly string[], run: string, signal: NodeJS.Signals) {
  const child = place.start(...args);
  const ended = once(child, "close");
  child.stdout.resume();
  let stderr = "";
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  while (checkpoints(run).length === 0 && child.exitCode === null) await sleep(5);
  child.kill(signal);
  const [code] = await ended;
  return { code, stderr };
}

/** A table without the parts that differ from run to run: minutes, status, sessions. */
function numbers(sweep: string): string[][] {
  return table(sweep)
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .slice(1, 6)
        .map((cell) => cell.trim()),
    );
}

describe("sweep", () => {
  it("trains every seed, and measures each on all held-out images", async () => {
    const accuracy = ["--success-accuracy", "0.01"];
    const { code, stdout, stderr } = await place.run(["sweep", "--seeds", "2", ...settings, ...accuracy]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Training 2 seeds, \d at once with 1 thread each, on \d+ cores?$/m);
    expect(stdout).toMatch(/^seed 0: step 80, MAP count accuracy/m);
    expect(stdout).toMatch(/^seed 1: finished, MAP count accuracy/m);
    expect(stdout).toContain(table("sweeps/multi-strokes"));
    const seeds = seedsOf("sweeps/multi-strokes");
    expect(seeds.map(({ seed, status, evaluation }) => [seed, status, evaluation!.images])).toEqual([
      [0, "finished", 60],
      [1, "finished", 60],
    ]);
    expect(seeds[0]!.evaluation).not.toEqual(seeds[1]!.evaluation);
    expect(table("sweeps/multi-strokes")).toContain("**2 of 2 seeds succeeded**");
  });

  it("is on the card of each model that is exported from it", async () => {
    const args = ["export", "sweeps/multi-strokes/seed-1", "--out", "model", "--images", "5", "--backend", "cpu"];
    expect(await place.runHere(args)).toMatchObject({ code: 0 });
    const card = readFileSync(place.at("model", "README.md"), "utf8");
    expect(card).toContain("Seed 1; [every seed](#every-seed) is below.");
    const rows = table("sweeps/multi-strokes").split("\n").slice(2);
    expect(card).toContain(`## Every seed\n\n${rows.join("\n")}`);
  });

  it("refuses to go on as another sweep, and shows the difference", async () => {
    const again = (...args: string[]) => place.runHere(["sweep", "--resume", "sweeps/multi-strokes", ...args]);
    const otherSteps = await again("--steps", "800", "--batch-size", "4");
    expect(otherSteps).toMatchObject({ code: 2, stdout: "" });
    expect(otherSteps.stderr).toContain("steps: 160 → 800");
    expect(otherSteps.stderr).not.toContain("batchSize");
    const otherSeeds = await again("--seeds", "3", "--success-accuracy", "0.5");
    expect(otherSeeds).toMatchObject({ code: 2, stdout: "" });
    expect(otherSeeds.stderr).toContain("seeds: 0,1 → 0,1,2");
    expect(otherSeeds.stderr).toContain("success accuracy: 0.01 → 0.5");
    const same = await again("--seeds", "2", "--success-accuracy", "0.01", ...settings);
    expect({ code: same.code, stderr: same.stderr }).toEqual({ code: 0, stderr: "" });
    expect(same.stdout).toContain("2 of 2 seeds are finished already");
    expect(same.stdout).not.toContain("Training");
  });

  it("reports a seed that diverges, and ends with 1", async () => {
    const wild = ["--learning-rate", "1e12", "--warmup-steps", "0", "--steps", "20", "--out", "wild"];
    const { code, stdout, stderr } = await place.run(["sweep", "--seeds", "3,", ...tiny, ...wild]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      "error: Seed 3 failed; the table says why. Try again by: air-onnx sweep --resume wild --retry-failed\n",
    );
    expect(stdout).toMatch(/^seed 3: failed near step 0: Training diverged: \w+ is \S+ at step \d+/m);
    expect(table("wild")).toMatch(/^\| 3 .*\| failed: Training diverged/m);
    expect(table("wild")).toContain("**0 of 1 seeds succeeded**");
  });

  it("leaves no folder behind when the data cannot be loaded", async () => {
    const args = ["sweep", "--dataset", "multi-mnist", "--mnist-dir", "absent", "--out", "no-data"];
    const { code, stderr } = await place.runHere(args);
    expect(code).toBe(1);
    expect(stderr).toContain("absent");
    expect(existsSync(place.at("no-data"))).toBe(false);
  });

  it("shows how it is used", async () => {
    const { code, stdout } = await place.runHere(["sweep", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("$ air-onnx sweep --seeds 10");
    expect(stdout).not.toContain("--seed <n>");
  });

  it.each<[args: string[], message: string]>([
    [["--seeds", "0"], "It must be how many seeds, from 1 to 10,000, or which"],
    [["--seeds", "-3"], "It must be how many seeds"],
    [["--seeds", "1.5"], "It must be how many seeds"],
    [["--seeds", "ten"], "It must be how many seeds"],
    [["--seeds", "3,3"], "each once"],
    [["--seeds", "3,,5"], "It must be how many seeds"],
    [["--seeds", ","], "It must be how many seeds"],
    [["--seed", "3"], "say which by --seeds instead of --seed"],
    [["--set", "seed=3"], "say which by --seeds instead of --seed"],
    [["--jobs", "0"], "whole number of at least 1"],
    [["--success-accuracy", "98"], "It must be a number between 0 and 1"],
    [["--retry-failed"], "--retry-failed needs --resume"],
    [["--resume", "a", "--out", "b"], "exclude each other"],
  ])("refuses %j", async (args, message) => {
    const { code, stdout, stderr } = await place.runHere(["sweep", ...args]);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

/** Each test goes on where the one before left the sweep. */
describe("a sweep that is stopped, fails and is killed ends with the table of one that was not", () => {
  it("stops every seed with a checkpoint on SIGINT", async () => {
    const args = ["sweep", "--seeds", "2", "--success-accuracy", "0.01", "--jobs", "1", ...settings, "--out", "broken"];
    expect(await interrupt(args, "broken/seed-0", "SIGINT")).toEqual({
      code: 130,
      stderr: "Stopped with 0 of 2 seeds finished. Go on by: air-onnx sweep --resume broken\n",
    });
    expect(seedsOf("broken").map(({ status }) => status)).toEqual(["stopped", "waiting"]);
    expect(checkpoints("broken/seed-0")).not.toContain(LAST_CHECKPOINT);
    expect(existsSync(place.at("broken/lock"))).toBe(false);
  });

  it("goes on past a seed that fails", async () => {
    mkdirSync(place.at("broken/seed-1"));
    writeFileSync(place.at("broken/seed-1/thesis.txt"), "");
    const { code, stderr } = await place.run(["sweep", "--resume", "broken"]);
    expect(code).toBe(1);
    expect(stderr).toContain("Seed 1 failed");
    expect(seedsOf("broken")).toMatchObject([
      { seed: 0, status: "finished" },
      { seed: 1, status: "failed", failure: expect.stringContaining("it holds thesis.txt") },
    ]);
    expect(table("broken")).toContain("of the 1 finished seeds out of 2");
    expect(table("broken")).toContain("**1 of 2 seeds succeeded**");
  });

  it("leaves a failed seed alone unless asked", async () => {
    rmSync(place.at("broken/seed-1"), { recursive: true });
    const { code, stdout, stderr } = await place.runHere(["sweep", "--resume", "broken"]);
    expect(code).toBe(1);
    expect(stderr).toContain("--retry-failed");
    expect(stdout).not.toContain("Training");
  });

  it("stops training when the sweep is killed", async () => {
    const args = ["sweep", "--resume", "broken", "--retry-failed"];
    expect(await interrupt(args, "broken/seed-1", "SIGKILL")).toEqual({ code: null, stderr: "" });
    while (existsSync(place.at("broken/seed-1/lock"))) await sleep(20);
    expect(checkpoints("broken/seed-1")).not.toContain(LAST_CHECKPOINT);
  });

  it("ends with the same numbers", async () => {
    const { code, stdout, stderr } = await place.run(["sweep", "--resume", "broken"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^notice: Took over the lock of process \d+ .*\n$/);
    expect(stdout).toContain("1 of 2 seeds are finished already");
    const evaluations = (sweep: string) => seedsOf(sweep).map(({ seed, evaluation }) => ({ seed, evaluation }));
    expect(evaluations("broken")).toEqual(evaluations("sweeps/multi-strokes"));
    expect(numbers("broken")).toEqual(numbers("sweeps/multi-strokes"));
    expect(table("broken")).toMatch(/^\| 1 .*\| finished; try 1 failed: .*thesis\.txt/m);
  });
});
