/**
 * Trains in the built page "Watch it learn" to the end, and prints the seconds from the click to the first picture of what the network
 * makes of the images, the steps and the seconds to 90, 95 and 98 % of the held-out counts, the frames that the page drew meanwhile,
 * and the memory of the page. Run `node packages/demo/bench/learning.mjs` after a build; `--seeds 0,1,2` for more than seed 0,
 * `--limit 600` to stop each after so many seconds. `--minutes 10` prints the memory at each minute of training instead; a training that is
 * done is followed by that of the next seed, as by a visitor's click.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { inChromium } from "./in-chromium.mjs";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "0" },
    limit: { type: "string", default: "1800" },
    minutes: { type: "string" },
  },
});
const seeds = values.seeds.split(",").map(Number);
const limit = Number(values.limit) * 1000;
const GOALS = [0.9, 0.95, 0.98];
const PATIENCE = 600_000;
const MINUTE = 60_000;

/** Runs in the page: keeps the worker's points, the times at which pictures arrived, and counts frames. */
const RECORD = `
  globalThis.record = { points: [], pictures: [], frames: 0, step: 0 };
  const Original = Worker;
  globalThis.Worker = class extends Original {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        const { record } = globalThis;
        if (data.point) record.points.push({ ...data.point, at: performance.now() });
        if (data.progress) record.step = data.progress.step;
        // They are painted by the frame after this message. Those of step 0 are there before the click.
        if (data.explained && record.step > 0) requestAnimationFrame(() => setTimeout(() => record.pictures.push(performance.now())));
      });
    }
  };
  const count = () => { globalThis.record.frames++; requestAnimationFrame(count); };
  requestAnimationFrame(count);
`;

/** Runs in the training worker, before its own code. */
const RECORD_MEMORY = `
  const memories = [];
  const PlainMemory = WebAssembly.Memory;
  WebAssembly.Memory = class extends PlainMemory {
    constructor(descriptor) {
      super(descriptor);
      memories.push(this);
    }
  };
  globalThis.webAssemblyBytes = () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
`;

async function openPage(browser, origin, seed) {
  // The service worker would answer for the worker's code, which gets a beginning of ours.
  const context = await browser.newContext({ viewport: { width: 1120, height: 900 }, serviceWorkers: "block" });
  await context.route(/training-worker-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: RECORD_MEMORY + (await response.text()) });
  });
  context.setDefaultTimeout(PATIENCE);
  await context.addInitScript(RECORD);
  const page = await context.newPage();
  await page.goto(`${origin}/learn.html`, { timeout: PATIENCE });
  await page.waitForFunction(() => !document.getElementById("run").disabled);
  await startAnew(page, seed);
  return page;
}

async function startAnew(page, seed) {
  await page.fill("#seed", String(seed));
  await page.click("#restart");
  await page.waitForFunction((seed) => document.getElementById("status").textContent === `Ready, seed ${seed}`, seed);
}

const isDone = (page) => page.evaluate(() => /^Done/.test(document.getElementById("status").textContent));

async function learn(browser, origin, seed) {
  const page = await openPage(browser, origin, seed);
  const [begin, framesBefore] = await page.evaluate(() => [performance.now(), globalThis.record.frames]);
  await page.click("#run");
  const stop = Date.now() + limit;
  while (!(await isDone(page)) && Date.now() < stop) await page.waitForTimeout(1000);
  const { points, pictures, frames, now, heap } = await page.evaluate(() => ({
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
  const picture = ((pictures.find((at) => at > begin) - begin) / 1000).toFixed(1);
  const last = after.at(-1);
  const perSecond = ((frames - framesBefore) * 1000) / (now - begin);
  console.log(`seed ${seed}: picture after ${picture} s; ${reached.join("; ")}; ${perSecond.toFixed(0)} frames/s`);
  if (last) {
    const ms = (1000 * last.seconds) / last.step;
    console.log(
      `  at step ${last.step}: ${(100 * last.accuracy).toFixed(1)} %, ELBO ${last.elbo.toFixed(1)}, ${ms.toFixed(0)} ms a step, ` +
        `${heap === undefined ? "?" : (heap / 1e6).toFixed(0)} MB on the page's heap`,
    );
  }
  await page.context().close();
}

/** Reads memory by the browser's own tools, after garbage collection: heaps of the page and its worker, WebAssembly's, and the process's. */
class MemoryReader {
  #browserTools;
  #pageTools;
  /** Sessions of the workers. */
  #workers = [];
  #waiting = new Map();
  #next = 1;

  static async of(browser, page) {
    const reader = new MemoryReader();
    reader.#browserTools = await browser.newBrowserCDPSession();
    const tools = await page.context().newCDPSession(page);
    reader.#pageTools = tools;
    tools.on("Target.attachedToTarget", ({ sessionId, targetInfo: { type } }) => {
      // The service worker is stopped when it has nothing to do, and then answers nothing.
      if (type === "worker") reader.#workers.push(sessionId);
    });
    tools.on("Target.receivedMessageFromTarget", ({ message }) => {
      const { id, result } = JSON.parse(message);
      reader.#waiting.get(id)?.(result);
      reader.#waiting.delete(id);
    });
    await tools.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    return reader;
  }

  #ask(sessionId, method, params = {}) {
    const id = this.#next++;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    return this.#pageTools.send("Target.sendMessageToTarget", { sessionId, message }).then(() => answer);
  }

  /** Bytes. */
  async read() {
    await this.#pageTools.send("HeapProfiler.collectGarbage");
    const { usedSize: page } = await this.#pageTools.send("Runtime.getHeapUsage");
    let [worker, wasm] = [0, 0];
    for (const sessionId of this.#workers) {
      await this.#ask(sessionId, "HeapProfiler.collectGarbage");
      const { usedSize } = await this.#ask(sessionId, "Runtime.getHeapUsage");
      worker += usedSize;
      const { result } = await this.#ask(sessionId, "Runtime.evaluate", { expression: "webAssemblyBytes()" });
      wasm += result.value;
    }
    const { processInfo } = await this.#browserTools.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => residentBytes(id));
    return { page, worker, wasm, process: Math.max(...renderers) };
  }
}

/** Resident memory of a process, as Linux says it. */
function residentBytes(pid) {
  const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return 1024 * Number(kibibytes);
}

async function watchMemory(browser, origin, minutes) {
  let [seed] = seeds;
  const page = await openPage(browser, origin, seed);
  const memory = await MemoryReader.of(browser, page);
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  const print = async (minute) => {
    const step = await page.evaluate(() => globalThis.record.step);
    const read = await memory.read();
    const cells = [
      minute,
      seed,
      step,
      megabytes(read.page),
      megabytes(read.worker),
      megabytes(read.wasm),
      megabytes(read.process),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  };
  console.log(
    "| minute | seed | step | page's heap, MB | worker's heap | WebAssembly | process |\n|---|---|---|---|---|---|---|",
  );
  await print(0);
  const begin = Date.now();
  await page.click("#run");
  for (let minute = 1; minute <= minutes; minute++) {
    while (Date.now() < begin + minute * MINUTE) {
      await page.waitForTimeout(500);
      if (!(await isDone(page))) continue;
      await startAnew(page, ++seed);
      await page.click("#run");
    }
    await print(minute);
  }
  await page.context().close();
}

await inChromium(async ({ browser, origin }) => {
  console.log(`Chromium ${browser.version()}`);
  if (values.minutes !== undefined) await watchMemory(browser, origin, Number(values.minutes));
  else for (const seed of seeds) await learn(browser, origin, seed);
});
