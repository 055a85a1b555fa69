/**
 * Processes that take over one dead process's lock at the same moment, again and again. As a program:
 *
 *     node test/faults/lock-race.mjs [RACES] [PROCESSES]
 *
 * counts the races by their number of winners, which has to be 1, and ends with 1 if it is not. It needs a build.
 */
import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const self = fileURLToPath(import.meta.url);

/** How many races of `races` had how many winners, by that number. */
export async function raceForLock(folder, { races, processes }) {
  const racers = Array.from({ length: processes }, () =>
    fork(self, [], { env: { ...process.env, AIR_ONNX_RACER: "1" } }),
  );
  const winners = {};
  try {
    await Promise.all(racers.map((racer) => once(racer, "message")));
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    for (let race = 0; race < races; race++) {
      const lock = join(folder, "lock");
      writeFileSync(lock, JSON.stringify({ pid, host: hostname(), processStart: "1", nonce: String(race) }));
      // A moment that all wait for, so that they do not start in the order of their messages.
      const start = performance.timeOrigin + performance.now() + 2;
      const answers = racers.map((racer) => once(racer, "message"));
      for (const racer of racers) racer.send({ lock, start });
      const won = (await Promise.all(answers)).filter(([answer]) => answer === "won").length;
      winners[won] = (winners[won] ?? 0) + 1;
      // A winner holds it until all have tried.
      const freed = racers.map((racer) => once(racer, "message"));
      for (const racer of racers) racer.send({ release: true });
      await Promise.all(freed);
    }
  } finally {
    for (const racer of racers) racer.disconnect();
  }
  return { races, winners };
}

async function race() {
  const { takeLock } = await import("../../packages/train/dist/run/lock.js");
  let held;
  process.on("message", ({ lock, start, release }) => {
    if (release) {
      held?.release();
      held = undefined;
      process.send("freed");
      return;
    }
    while (performance.timeOrigin + performance.now() < start);
    try {
      held = takeLock(lock, () => {});
      process.send("won");
    } catch (cause) {
      if (cause.name !== "FileError") throw cause;
      process.send("lost");
    }
  });
  process.send("ready");
}

if (process.env.AIR_ONNX_RACER) {
  await race();
} else if (process.argv[1] === self) {
  const folder = mkdtempSync(join(tmpdir(), "air-onnx-race-"));
  const [races = 20_000, processes = 4] = process.argv.slice(2).map(Number);
  const result = await raceForLock(folder, { races, processes });
  rmSync(folder, { recursive: true, force: true });
  console.log(
    `${races} races of ${processes} processes for a dead one's lock; races by winners: ${JSON.stringify(result.winners)}`,
  );
  if (result.winners[1] !== races) process.exitCode = 1;
}
