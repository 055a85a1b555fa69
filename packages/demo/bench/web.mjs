/**
 * Measures what a visitor of the built page waits for: sizes, the cold start to the first inference, ms per image on
 * WebAssembly (one thread) and on WebGPU (in software where there is no GPU), the frames per second while drawing, and largest
 * contentful paint and layout shift of both pages at a first visit. The tables go to stdout; with --json the numbers go to a file; with
 * --vitals paint and shift alone are measured.
 *
 *   npm run -w packages/demo build && node packages/demo/bench/web.mjs [--model multi-mnist] [--seconds 5] [--json web.json]
 */
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { demo, inChromium } from "./in-chromium.mjs";

const PATIENCE = 600_000;
/** Functions that run in a page and say whether all that it shows by itself is there. */
const PAGES = {
  "index.html": () =>
    /ms per image/.test(document.getElementById("status-text").textContent) && document.querySelector("#dreams canvas"),
  "learn.html": () =>
    !document.getElementById("run").disabled && document.querySelector("#explained rect, #accuracy polyline"),
};
const VIEWPORTS = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
/** First visits of a page of which the median counts. */
const VISITS = 5;
/** Time for whatever moves after that, ms. */
const SETTLED = 2000;
const { values } = parseArgs({
  options: {
    model: { type: "string" },
    seconds: { type: "string", default: "5" },
    json: { type: "string" },
    vitals: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new RangeError(`--seconds must be a positive number, got ${values.seconds}`);
const site = join(demo, "dist");
const list = JSON.parse(await readFile(join(site, "models.json"), "utf8"));
const models = list.filter(({ name }) => values.model === undefined || name === values.model);
if (models.length === 0) {
  throw new RangeError(`--model must be one of ${list.map(({ name }) => name).join(", ")}, got ${values.model}`);
}

/** Raw and compressed bytes of the files whose path matches. */
async function sizeOf(pattern) {
  const entries = await readdir(site, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  let [raw, gzip] = [0, 0];
  for (const file of files.filter((each) => pattern.test(relative(site, each).replaceAll("\\", "/")))) {
    const bytes = await readFile(file);
    raw += bytes.length;
    gzip += gzipSync(bytes).length;
  }
  return { raw, gzip };
}

const sizes = {
  "page (html, css, js)": await sizeOf(/^index\.html$|^assets\/index-.*\.(css|js)$/),
  "worker, wasm": await sizeOf(/worker-wasm.*\.js$/),
  "worker, webgpu": await sizeOf(/worker-webgpu.*\.js$/),
  "onnxruntime, wasm": await sizeOf(/ort-wasm-simd-threaded-[\w-]+\.wasm$/),
  "onnxruntime, webgpu": await sizeOf(/asyncify.*\.wasm$/),
};
for (const { name } of models) sizes[name] = await sizeOf(new RegExp(`^models/${name}/`));

const measured = await inChromium(async ({ browser, origin }) => {
  const rows = [];
  for (const { name } of values.vitals ? [] : models) {
    console.error(`measuring ${name}`);
    // A new browser context has an empty cache, as at a first visit.
    const context = await browser.newContext({ viewport: { width: 1120, height: 1000 } });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    await page.addInitScript(() => {
      const watch = new MutationObserver(() => {
        if (!/object/.test(document.getElementById("count")?.textContent ?? "")) return;
        globalThis.firstInference = performance.now();
        watch.disconnect();
      });
      watch.observe(document, { subtree: true, childList: true, characterData: true });
    });
    await page.goto(`${origin}/#model=${name}`, { timeout: PATIENCE });
    await page.waitForFunction(() => "firstInference" in globalThis);
    const coldStart = await page.evaluate(() => globalThis.firstInference);
    await page.waitForFunction(() => /ms per image/.test(document.getElementById("status-text").textContent));
    rows.push({ model: name, coldStart, live: await live(page), ...(await compare(page)) });
    await context.close();
  }
  const paints = [];
  for (const [path, isSettled] of Object.entries(PAGES)) {
    for (const [form, viewport] of Object.entries(VIEWPORTS)) {
      console.error(`measuring ${path}, ${form}`);
      paints.push({ path, form, ...(await firstSight(browser, `${origin}/${path}`, viewport, isSettled)) });
    }
  }
  return { browser: browser.version(), rows, paints };
});

/**
 * Loads a page as at a first visit, several times, and returns its largest contentful paint (median, ms) and its cumulative layout
 * shift (largest), as the Web Vitals define them; nobody touches the page meanwhile.
 */
async function firstSight(browser, url, viewport, isSettled) {
  const visits = [];
  for (let visit = 0; visit < VISITS; visit++) {
    const context = await browser.newContext({ viewport });
    context.setDefaultTimeout(PATIENCE);
    await context.addInitScript(() => {
      const vitals = { paint: 0, shifts: [] };
      globalThis.vitals = vitals;
      new PerformanceObserver((list) => {
        for (const { startTime } of list.getEntries()) vitals.paint = startTime;
      }).observe({ type: "largest-contentful-paint", buffered: true });
      new PerformanceObserver((list) => {
        for (const { value, startTime } of list.getEntries()) vitals.shifts.push({ value, startTime });
      }).observe({ type: "layout-shift", buffered: true });
    });
    const page = await context.newPage();
    await page.goto(url, { timeout: PATIENCE });
    await page.waitForFunction(isSettled);
    await page.waitForTimeout(SETTLED);
    visits.push(await page.evaluate(() => globalThis.vitals));
    await context.close();
  }
  const paints = visits.map(({ paint }) => paint).toSorted((a, b) => a - b);
  return {
    paint: paints[Math.floor(VISITS / 2)],
    shift: Math.max(...visits.map(({ shifts }) => cumulativeShift(shifts))),
  };
}

/** The largest sum of shifts of a session: less than a second apart, and five seconds long at most. */
function cumulativeShift(shifts) {
  let [largest, sum, first, last] = [0, 0, 0, Number.NEGATIVE_INFINITY];
  for (const { value, startTime } of shifts) {
    if (startTime - last >= 1000 || startTime - first >= 5000) [sum, first] = [0, startTime];
    sum += value;
    last = startTime;
    largest = Math.max(largest, sum);
  }
  return largest;
}

/** Draws circles for a while and returns the median of the pace that the page shows. */
async function live(page) {
  await page.locator('input[name="tool"][value="pen"]').check({ force: true });
  const { x, y, width } = await page.locator("#surface").boundingBox();
  const at = (turn) => [x + width * (0.5 + 0.15 * Math.cos(turn)), y + width * (0.5 + 0.15 * Math.sin(turn))];
  const frames = [];
  const start = performance.now();
  await page.mouse.move(...at(0));
  await page.mouse.down();
  for (let i = 1; performance.now() < start + 1000 * seconds; i++) {
    await page.mouse.move(...at(i / 10));
    if (i % 20 > 0) continue;
    const text = await page.locator("#status-text").textContent();
    frames.push(Number(/(\d+) frames/.exec(text)?.[1] ?? 0));
  }
  await page.mouse.up();
  return { framesPerSecond: frames.toSorted((a, b) => a - b)[Math.floor(frames.length / 2)] ?? 0 };
}

/** Runs the page's own comparison of devices. */
async function compare(page) {
  await page.click("#compare");
  // No timeout here: the page itself shortens a measurement that is too slow.
  await page.waitForFunction(
    () => /measured just now/.test(document.getElementById("compare-status").textContent),
    undefined,
    { timeout: 0 },
  );
  const rows = await page
    .locator("#compare-rows tr")
    .evaluateAll((all) => all.map((row) => Array.from(row.children, (cell) => cell.textContent)));
  return Object.fromEntries(
    rows.map(([device, single, batched, alike]) => [
      device.startsWith("WebGPU") ? "webgpu" : "wasm",
      { device, single: Number.parseFloat(single), batched: Number.parseFloat(batched), alike },
    ]),
  );
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const milliseconds = (value) => (Number.isFinite(value) ? `${value.toFixed(1)} ms` : "–");
if (!values.vitals) {
  console.log(`\n${"downloads".padEnd(26)}${"raw".padStart(12)}${"gzip".padStart(12)}`);
  for (const [name, { raw, gzip }] of Object.entries(sizes)) {
    console.log(`${name.padEnd(26)}${megabytes(raw).padStart(12)}${megabytes(gzip).padStart(12)}`);
  }
  const columns = ["cold start", "wasm", "wasm, of 64", "WebGPU", "WebGPU, of 64", "frames/s"];
  console.log(`\n${"ms per image".padEnd(22)}${columns.map((name) => name.padStart(15)).join("")}`);
  for (const { model, coldStart, wasm, webgpu, live } of measured.rows) {
    const cells = [coldStart, wasm.single, wasm.batched, webgpu?.single, webgpu?.batched].map(milliseconds);
    console.log(
      `${model.padEnd(22)}${[...cells, String(live.framesPerSecond)].map((cell) => cell.padStart(15)).join("")}`,
    );
  }
}
console.log(`\n${"first visit".padEnd(22)}${"largest paint".padStart(15)}${"layout shift".padStart(15)}`);
for (const { path, form, paint, shift } of measured.paints) {
  console.log(`${`${path}, ${form}`.padEnd(22)}${milliseconds(paint).padStart(15)}${shift.toFixed(4).padStart(15)}`);
}
for (const { model, webgpu } of measured.rows) console.log(`${model}: ${webgpu.device}, counts alike ${webgpu.alike}`);
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, chromium: measured.browser };
console.log(`\n${machine.cpu}, ${machine.cores} cores, Chromium ${machine.chromium}`);

if (values.json !== undefined) {
  const numbers = { machine, sizes, models: measured.rows, pages: measured.paints };
  await writeFile(`${values.json}.partial`, `${JSON.stringify(numbers, null, 2)}\n`);
  await rename(`${values.json}.partial`, values.json);
}
