import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { parseTrainConfig } from "../../src/config.js";
import { createRunFolder, MetricsLog, RunFolder, stepName } from "../../src/run/index.js";
import { takeLock } from "../../src/run/lock.js";
import { readSeedRun, waitUntilSeedRunIsFree } from "../../src/sweep/index.js";
import { useTemporaryFolder } from "../run/temporary-folder.js";

const at = useTemporaryFolder();
const config = parseTrainConfig({ dataset: "multi-mnist", steps: 400, seed: 3 });
const onNotice = (): void => {};

const evaluation = { images: 2000, elbo: 600, countAccuracyMap: 0.9, countAccuracySampled: 0.8 };

/** A run with these evaluations and checkpoints, and training records at 60 ms a step, then at 120. */
async function runWith(evaluated: readonly number[], saved: readonly number[]): Promise<RunFolder> {
  const { folder, lock } = await createRunFolder(at("seed-3"), config, onNotice);
  const log = await MetricsLog.open(folder.metricsFile, onNotice);
  for (const step of evaluated) {
    log.append({ step, kind: "train", loss: 1, millisecondsPerStep: step > 200 ? 120 : 60 });
    log.append({ step, kind: "evaluation", ...evaluation, images: step === 400 ? 10_000 : 2000, trainingSeconds: 1 });
  }
  for (const step of saved) writeFileSync(join(folder.checkpoints, `${stepName(step)}.json`), "{}");
  lock.release();
  return folder;
}

describe("a seed's run", () => {
  it("is finished with the last step's evaluation and checkpoint, and its time is that of all its steps", async () => {
    expect(await readSeedRun(await runWith([200, 400], [200, 400]))).toEqual({
      state: "finished",
      step: 400,
      evaluation: { ...evaluation, images: 10_000 },
      trainingMinutes: (200 * 60 + 200 * 120) / 60_000,
    });
  });

  it.each([
    ["evaluation", [200], [200, 400], 200],
    ["checkpoint", [200, 400], [200], 400],
  ])("is only started without the %s of its last step", async (_, evaluated, saved, step) => {
    expect(await readSeedRun(await runWith(evaluated, saved))).toEqual({ state: "started", step });
  });

  it("is refused if it has other settings than the sweep's", async () => {
    const { path } = await runWith([400], [400]);
    const expected = new RunFolder(path, { ...config, batchSize: 32 });
    await expect(readSeedRun(expected)).rejects.toThrow(/other settings than its sweep's: batchSize: 32 → 64/);
  });
});

describe("waiting for a run that another process holds", () => {
  const { signal } = new AbortController();

  it("goes on when it is freed", async () => {
    const folder = await runWith([], []);
    const lock = takeLock(folder.lockFile, onNotice);
    const said: string[] = [];
    const free = waitUntilSeedRunIsFree(folder, { onNotice: (line) => said.push(line), signal, patience: 60_000 });
    await sleep(10);
    lock.release();
    expect(await free).toBe(true);
    expect(said.join()).toContain("Waiting for it to be freed");
    expect(existsSync(folder.lockFile)).toBe(false);
  });

  it("ends with the patience, or when it is stopped", async () => {
    const folder = await runWith([], []);
    using _ = takeLock(folder.lockFile, onNotice);
    expect(await waitUntilSeedRunIsFree(folder, { onNotice, signal, patience: 0 })).toBe(false);
    expect(await waitUntilSeedRunIsFree(folder, { onNotice, signal: AbortSignal.abort(), patience: 60_000 })).toBe(
      false,
    );
  });
});
