/**
 * Measures what a visitor of the built page waits for: sizes, the cold start to the first inference, ms per image on
 * WebAssembly (one thread) and on WebGPU (in software where there is no GPU), and the frames per second while drawing. The
 * table goes to stdout; with --json the numbers go to a file.
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
const { values } = parseArgs({
  options: {
    model: { type: "string" },
    seconds: { type: "string", default: "5" },
    json: { type: "string" },
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
  for (const { name } of models) {
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
  return { browser: browser.version(), rows };
});

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
for (const { model, webgpu } of measured.rows) console.log(`${model}: ${webgpu.device}, counts alike ${webgpu.alike}`);
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, chromium: measured.browser };
console.log(`\n${machine.cpu}, ${machine.cores} cores, Chromium ${machine.chromium}`);

if (values.json !== undefined) {
  const numbers = { machine, sizes, models: measured.rows };
  await writeFile(`${values.json}.partial`, `${JSON.stringify(numbers, null, 2)}\n`);
  await rename(`${values.json}.partial`, values.json);
}
