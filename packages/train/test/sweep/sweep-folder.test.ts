import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { columnHead, headlineMeasures } from "@air-onnx/measure/measures";
import { describe, expect, it } from "vitest";
import { parseTrainConfig } from "../../src/config.js";
import {
  createSweep,
  openSweep,
  resumeSweep,
  type SeedRecord,
  type SweepFolder,
  type SweepPlan,
  type SweepSession,
} from "../../src/sweep/index.js";
import { useTemporaryFolder } from "../run/temporary-folder.js";

const at = useTemporaryFolder();

const plan: SweepPlan = {
  config: parseTrainConfig({ dataset: "multi-mnist", steps: 1000 }),
  command: "air-onnx sweep --seeds 5 --dataset multi-mnist",
  seeds: [0, 1, 2, 3, 4],
  successAccuracy: 0.9,
};
const session: SweepSession = {
  startedAt: "2026-05-04T12:00:00.000Z",
  jobs: 2,
  versions: { "air-onnx": "1.2.3" },
  machine: { platform: "linux x64", processor: "Abacus", cores: 4, memoryGigabytes: 8 },
};
const onNotice = (): void => {};
const endedAt = "2026-05-04T13:00:00.000Z";

function finished(seed: number, map: number, sampled: number, elbo: number, trainingMinutes: number): SeedRecord {
  const evaluation = { images: 10_000, countAccuracyMap: map, countAccuracySampled: sampled, elbo, boxIou: 0.5 };
  return { seed, status: "finished", step: 1000, evaluation, trainingMinutes, endedAt, earlierFailures: [] };
}

function failed(seed: number, step: number, failure: string): SeedRecord {
  return { seed, status: "failed", step, failure, endedAt, earlierFailures: [] };
}

async function sweepOf(...seeds: readonly SeedRecord[]): Promise<SweepFolder> {
  const { sweep, lock } = await createSweep(at("sweep"), plan, session, onNotice);
  for (const seed of seeds) sweep.record(seed);
  await sweep.save();
  lock.release();
  return sweep;
}

/** The columns that these tests are about. */
const columns = [
  ...["seed", "steps", "MAP count accuracy, %", "sampled count accuracy, %", "ELBO, nats", "training, min", "status"],
];

/** The cells of those columns in the table's row with that first cell. */
function row(sweep: SweepFolder, name: string | number): string[] {
  const head = wholeRow(sweep, "seed");
  const cells = wholeRow(sweep, name);
  return columns.map((column) => cells[head.indexOf(column)]!);
}

function wholeRow({ tableFile }: SweepFolder, name: string | number): string[] {
  const line = readFileSync(tableFile, "utf8")
    .split("\n")
    .find((each) => each.startsWith(`| ${name} `));
  return line!
    .slice(2, -2)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

describe("the table", () => {
  it("has every seed, whatever became of it, and its numbers over all that finished, good or bad", async () => {
    const sweep = await sweepOf(
      finished(0, 0.98, 0.97, 620, 10),
      finished(1, 0.4, 0.37, 500, 14),
      failed(2, 340, "no space | left\nsecond line"),
      { seed: 3, status: "stopped", step: 20, earlierFailures: ["killed by SIGKILL"] },
    );
    expect(row(sweep, 0)).toEqual(["0", "1,000", "98.00", "97.00", "620.00", "10.0", "finished"]);
    expect(row(sweep, 1)).toEqual(["1", "1,000", "40.00", "37.00", "500.00", "14.0", "finished"]);
    expect(row(sweep, 2)).toEqual(["2", "340 of 1,000", "–", "–", "–", "–", "failed: no space \\| left"]);
    expect(row(sweep, 3).at(-1)).toBe("stopped; try 1 failed: killed by SIGKILL");
    expect(row(sweep, 4)).toEqual(["4", "0 of 1,000", "–", "–", "–", "–", "waiting"]);
    const shown = headlineMeasures.filter(({ key }) => key !== "countMeanAbsoluteError");
    const titles = [...shown.map(columnHead), "training, min", "status"];
    expect(wholeRow(sweep, "seed")).toEqual(["seed", "steps", ...titles]);
    const of = "of the 2 finished seeds out of 5";
    // By hand: 0.97 and 0.37 are 0.3 from their mean, and √(2 · 0.3²) = 0.4243.
    expect(row(sweep, "mean ± std")).toEqual([
      ...["mean ± std", "", "69.00 ± 41.01", "67.00 ± 42.43", "560.00 ± 84.85", "12.0 ± 2.8", of],
    ]);
    expect(row(sweep, "worst")).toEqual(["worst", "", "40.00", "37.00", "500.00", "14.0", of]);
    const text = readFileSync(sweep.tableFile, "utf8");
    expect(text).toContain("**1 of 5 seeds succeeded**: they finished with a MAP count accuracy of at least 90.00 %.");
    expect(text).toContain("Finished below that: seed 1.");
    expect(text).toContain("Failed: seed 2.");
    expect(text).toContain("Not finished yet: seed 3, 4.");
    expect(text).toContain("all 10,000 held-out images");
    expect(text).toContain(plan.command);
    expect(text).toContain("Abacus, 4 cores");
  });

  it("counts a seed that reaches the mark exactly as a success, and says when all seeds are in", async () => {
    const seeds = [0.9, 0.95, 0.95, 0.95, 0.95].map((map, seed) => finished(seed, map, map, 600, 1));
    const sweep = await sweepOf(...seeds);
    expect(sweep.summary).toMatchObject({ succeeded: [0, 1, 2, 3, 4], successRate: 1, failed: [], open: [] });
    expect(row(sweep, "worst").at(-1)).toBe("all 5 seeds");
    expect(readFileSync(sweep.tableFile, "utf8")).not.toMatch(/^(Finished below|Failed|Not finished)/m);
  });

  it("has no column for counts where no true count is known, and says so", async () => {
    const seed = finished(0, 0, 0, 600, 1);
    const sweep = await sweepOf({ ...seed, evaluation: { images: 30, elbo: 600 } } as SeedRecord);
    expect(wholeRow(sweep, "seed")).toEqual(["seed", "steps", "ELBO, nats", "training, min", "status"]);
    expect(sweep.summary).toMatchObject({ finished: [0], succeeded: [0] });
    const text = readFileSync(sweep.tableFile, "utf8");
    expect(text).toContain("**1 of 5 seeds finished.** How well they count is not measured: no true count is known.");
    expect(text).not.toMatch(/accuracy|Finished below/);
  });

  it("has the largest number as the worst of a measure that is better the lower it is", async () => {
    const seeds = [0.25, 0.5].map((countMeanAbsoluteError, seed): SeedRecord => {
      const record = finished(seed, 0.9, 0.9, 600, 1);
      if (record.status !== "finished") throw new Error("a finished seed was asked for");
      return { ...record, evaluation: { ...record.evaluation, countMeanAbsoluteError } };
    });
    const sweep = await sweepOf(...seeds);
    const column = wholeRow(sweep, "seed").indexOf("count MAE");
    expect([0, 1, "worst"].map((name) => wholeRow(sweep, name)[column])).toEqual(["0.2500", "0.5000", "0.5000"]);
  });

  it("has no number of a measure that an older sweep did not take, and no spread of it over some seeds", async () => {
    const evaluation = { images: 10_000, countAccuracyMap: 0.9, elbo: 600 };
    const older: SeedRecord = {
      ...{ seed: 0, status: "finished", step: 1000, evaluation, trainingMinutes: 1, endedAt, earlierFailures: [] },
    };
    const sweep = await sweepOf(older, finished(1, 0.8, 0.7, 500, 1));
    expect(row(sweep, 0).slice(2, 5)).toEqual(["90.00", "–", "600.00"]);
    expect(row(sweep, "worst").slice(2, 5)).toEqual(["80.00", "–", "500.00"]);
    expect(sweep.summary.spread).not.toHaveProperty("countAccuracySampled");
  });

  it("has no spread of a single seed, and no numbers of none", async () => {
    const sweep = await sweepOf(finished(1, 0.98, 0.97, 620, 10));
    expect(row(sweep, "mean ± std").slice(2, 4)).toEqual(["98.00", "97.00"]);
    expect(sweep.summary.spread!.elbo).toEqual({ mean: 620, standardDeviation: undefined, worst: 620 });
    sweep.record(failed(1, 0, "diverged"));
    await sweep.save();
    expect(row(sweep, "mean ± std").slice(2, 4)).toEqual(["–", "–"]);
  });
});

describe("sweep.json", () => {
  it("brings everything back, and every number of a seed", async () => {
    const seeds = [finished(0, 0.98, 0.97, 620, 10), failed(1, 340, "diverged")];
    const sweep = await sweepOf(...seeds);
    const read = openSweep(at("sweep"));
    expect(read.plan).toEqual(plan);
    expect(read.seeds.slice(0, 2)).toEqual(seeds);
    expect(read.page()).toBe(sweep.page());
    const json = JSON.parse(readFileSync(sweep.sweepFile, "utf8"));
    expect(json.seeds[0].evaluation.boxIou).toBe(0.5);
    expect(json.summary).toMatchObject({ succeeded: [0], failed: [1], successRate: 0.2 });
    expect(json.config).not.toHaveProperty("seed");
  });

  it("is named when it is not JSON, or not a sweep", async () => {
    expect(() => openSweep(at("sweep"))).toThrow(/sweep is not a sweep's folder: cannot read sweep\.json: .*ENOENT/);
    const { sweepFile } = await sweepOf();
    const json = JSON.parse(readFileSync(sweepFile, "utf8"));
    writeFileSync(sweepFile, JSON.stringify({ ...json, seeds: [{ seed: 0, status: "perfect" }] }));
    expect(() => openSweep(at("sweep"))).toThrow(/sweep\.json[\s\S]*seeds/);
    writeFileSync(sweepFile, "{");
    expect(() => openSweep(at("sweep"))).toThrow(/sweep\.json is not JSON/);
  });

  it("holds the newest state after saves that overlap", async () => {
    const { sweep, lock } = await createSweep(at("sweep"), plan, session, onNotice);
    const saves = plan.seeds.map((seed) => {
      sweep.record(failed(seed, seed, "diverged"));
      return sweep.save();
    });
    await Promise.all(saves);
    expect(openSweep(at("sweep")).summary.failed).toEqual([0, 1, 2, 3, 4]);
    lock.release();
  });

  it("is whole again once what kept it from being written is gone", async () => {
    const { sweep, lock } = await createSweep(at("sweep"), plan, session, onNotice);
    rmSync(sweep.tableFile);
    mkdirSync(sweep.tableFile);
    sweep.record(failed(0, 0, "diverged"));
    await expect(sweep.save()).rejects.toThrow(/Cannot write .*table\.md/);
    rmdirSync(sweep.tableFile);
    await sweep.save();
    expect(row(sweep, 0).at(-1)).toBe("failed: diverged");
    lock.release();
  });
});

describe("the folder", () => {
  it("is for one sweep, and for one process at a time", async () => {
    const { lock } = await createSweep(at("sweep"), plan, session, onNotice);
    const again = createSweep(at("sweep"), plan, session, onNotice);
    await expect(again).rejects.toThrow("holds a sweep already: resume it, or choose another folder");
    await expect(again).rejects.toMatchObject({ kind: "occupied", holds: "sweep", path: at("sweep") });
    await expect(resumeSweep(at("sweep"), onNotice)).rejects.toThrow(/lock is held by process/);
    lock.release();
    const resumed = await resumeSweep(at("sweep"), onNotice);
    resumed.lock.release();
  });

  it("is not taken from anything else", async () => {
    writeFileSync(at("thesis.txt"), "");
    await expect(createSweep(at(), plan, session, onNotice)).rejects.toThrow("not a sweep (it holds thesis.txt)");
    await expect(createSweep(at("thesis.txt"), plan, session, onNotice)).rejects.toThrow("it is a file");
    await expect(resumeSweep(at(), onNotice)).rejects.toThrow("is not a sweep's folder");
  });
});
