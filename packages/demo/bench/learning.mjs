/**
 * Trains in the built page "Watch it learn" to the end, and prints the steps and the seconds from the click to 90, 95 and 98 % of
 * the held-out counts, the frames that the page drew meanwhile, and the memory of the page. Run
 * `node packages/demo/bench/learning.mjs` after a build; `--seeds 0,1,2` for more than seed 0, `--limit 600` to stop each after so
 * many seconds.
 */
import { parseArgs } from "node:util";
import { inChromium } from "./in-chromium.mjs";

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "0" }, limit: { type: "string", default: "1800" } },
});
const seeds = values.seeds.split(",").map(Number);
const limit = Number(values.limit) * 1000;
const GOALS = [0.9, 0.95, 0.98];
const PATIENCE = 600_000;

/** Runs in the page: keeps the worker's points, and counts frames. */
const RECORD = `
  globalThis.record = { points: [], frames: 0 };
  const Original = Worker;
  globalThis.Worker = class extends Original {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        if (data.point) globalThis.record.points.push({ ...data.point, at: performance.now() });
      });
    }
  };
  const count = () => { globalThis.record.frames++; requestAnimationFrame(count); };
  requestAnimationFrame(count);
`;

await inChromium(async ({ browser, origin }) => {
  for (const seed of seeds) {
    const context = await browser.newContext({ viewport: { width: 1120, height: 900 } });
    context.setDefaultTimeout(PATIENCE);
    await context.addInitScript(RECORD);
    const page = await context.newPage();
    await page.goto(`${origin}/learn.html`, { timeout: PATIENCE });
    await page.waitForFunction(() => !document.getElementById("run").disabled);
    await page.fill("#seed", String(seed));
    await page.click("#restart");
    await page.waitForFunction((seed) => document.getElementById("status").textContent === `Ready, seed ${seed}`, seed);
    const [begin, framesBefore] = await page.evaluate(() => [performance.now(), globalThis.record.frames]);
    await page.click("#run");
    const isDone = () => page.evaluate(() => /^Done/.test(document.getElementById("status").textContent));
    const stop = Date.now() + limit;
    while (!(await isDone()) && Date.now() < stop) await page.waitForTimeout(1000);
    const { points, frames, now, heap } = await page.evaluate(() => ({
      ...globalThis.record,
      now: performance.now(),
      heap: performance.memory?.usedJSHeapSize,
    }));
    const after = points.filter(({ at }) => at > begin);
    const reached = GOALS.map((goal) => {
      const first = after.find(({ accuracy }) => accuracy >= goal);
      const when = first ? `step ${first.step}, ${((first.at - begin) / 1000).toFixed(0)} s` : "not reached";
      return `${100 * goal} %: ${when}`;
    });
    const last = after.at(-1);
    const perSecond = ((frames - framesBefore) * 1000) / (now - begin);
    console.log(`seed ${seed}: ${reached.join("; ")}; ${perSecond.toFixed(0)} frames/s`);
    if (last) {
      const ms = (1000 * last.seconds) / last.step;
      console.log(
        `  at step ${last.step}: ${(100 * last.accuracy).toFixed(1)} %, ELBO ${last.elbo.toFixed(1)}, ${ms.toFixed(0)} ms a step, ` +
          `${heap === undefined ? "?" : (heap / 1e6).toFixed(0)} MB on the page's heap`,
      );
    }
    await context.close();
  }
});
