/**
 * Tests the page "Watch it learn" in a real Chromium: it trains as Node does, pauses, goes on after a reload, and the model that it
 * gives runs on the drawing page and, downloaded, in Node.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { AirModel } from "@air-onnx/runtime-node";
import { chromium } from "@air-onnx/test/requirements";
import { parseTrainingManifest, Trainer } from "@air-onnx/trainer";
import { unzipSync } from "fflate";
import * as ort from "onnxruntime-node";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { launchChromium } from "../../../test/browser/chromium.js";
import { StaticServer } from "../../../test/browser/static-server.js";
import { readSampleSet } from "../src/sample-set.js";
import { trainingImages } from "../src/training-images.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const PATH = "/some/where/";
const MINUTES = 60_000;
/** Time for a part of the training, on a busy machine where nothing is optimised, ms. */
const LOADING = 6 * MINUTES;
const PATIENT = { timeout: 15 * MINUTES };
/** Steps of the whole training, and of those of which losses are compared. */
const STEPS = 10;
const COMPARED = 5;

/** What the test reads of the worker's messages. */
interface Message {
  readonly progress?: { readonly step: number; readonly losses: readonly number[] };
}

chromium.describe("watch it learn", () => {
  let folder: string;
  let site: string;
  let server: StaticServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "air-onnx-learn-"));
    site = join(folder, "site");
    await cp(join(root, "models/multi-mnist-64"), join(folder, "models/multi-mnist-64"), { recursive: true });
    const vite = join(root, "node_modules/vite/bin/vite.js");
    await run(process.execPath, [vite, "build", "--outDir", site, "--logLevel", "warn"], {
      cwd: join(root, "packages/demo"),
      env: {
        ...process.env,
        NODE_ENV: "production",
        AIR_ONNX_MODELS: join(folder, "models"),
        AIR_ONNX_DEMO_STEPS: String(STEPS),
      },
    });
    browser = await launchChromium({ webgpu: false });
  }, 10 * MINUTES);
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    server = await StaticServer.start({ [PATH]: site });
    context = await browser.newContext({ viewport: { width: 1100, height: 1000 }, acceptDownloads: true });
    context.setDefaultTimeout(LOADING);
    await context.addInitScript(RECORD_MESSAGES);
    faults = [];
    context.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    context.on("weberror", (error) => faults.push(error.error().message));
    context.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(server.origin) && !url.startsWith("blob:")) faults.push(`a request to ${url}`);
    });
    page = await context.newPage();
  });
  afterEach(async () => {
    await context.close();
    await server.stop();
  });

  const text = (id: string) => page.locator(`#${id}`).textContent();
  const losses = async (): Promise<number[]> => {
    const messages = await page.evaluate(() => (globalThis as unknown as { messages: Message[] }).messages);
    return messages.flatMap(({ progress }) => progress?.losses ?? []);
  };
  async function open(): Promise<void> {
    await page.goto(`${server.origin}${PATH}learn.html`);
    await expect.poll(() => text("status"), { timeout: LOADING }).not.toBe("Loading…");
  }

  /** Losses of the same training in Node. */
  async function lossesInNode(steps: number): Promise<number[]> {
    const read = async (path: string) => Uint8Array.from(await readFile(join(site, "training/strokes", path)));
    const manifest = parseTrainingManifest(await read("training.json"), "training.json");
    const { draw } = await trainingImages(manifest, 0);
    await using trainer = await Trainer.open({
      manifest,
      readFile: read,
      createSession: (graph) => ort.InferenceSession.create(graph, { intraOpNumThreads: 1 }),
      drawImages: draw,
    });
    return [...(await trainer.run(steps)).loss!];
  }

  it("trains as Node does, pauses, goes on after a reload, and gives a model", PATIENT, async () => {
    await open();
    expect(await text("alert")).toBe("");
    expect(await text("status")).toBe("Ready, seed 0");
    await expect.poll(() => text("telling")).toMatch(/knows nothing yet/);
    expect(await page.locator("#explained li").count()).toBe(8);
    await page.click("#run");
    await expect.poll(async () => (await losses()).length, { timeout: LOADING }).toBeGreaterThanOrEqual(COMPARED);
    await page.click("#run");
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/Paused|Done/);
    const found = await losses();
    for (const [i, loss] of (await lossesInNode(COMPARED)).entries()) {
      expect(Math.abs(found[i]! - loss) / Math.abs(loss), `step ${i + 1}`).toBeLessThan(1e-4);
    }
    expect(await text("progress-text")).toMatch(new RegExp(`^Step ${found.length} of ${STEPS}`));

    await page.reload();
    const before = found.length === STEPS ? /^Done, seed 0/ : new RegExp(`at step ${found.length}, seed 0`);
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(before);
    if (found.length < STEPS) await page.click("#run");
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    expect(await losses()).toHaveLength(STEPS - found.length);
    await expect.poll(() => text("telling")).toMatch(/^Done\. It counts/);

    const downloading = page.waitForEvent("download");
    await page.click("#download");
    const download = await downloading;
    expect(download.suggestedFilename()).toBe("trained-here.zip");
    const made = join(folder, "unpacked");
    for (const [path, bytes] of Object.entries(unzipSync(await readFile((await download.path())!)))) {
      await mkdir(dirname(join(made, path)), { recursive: true });
      await writeFile(join(made, path), bytes);
    }
    await using model = await AirModel.fromPretrained(join(made, "trained-here"));
    expect(model.manifest.training).toMatchObject({ dataset: "multi-strokes", seed: 0, steps: STEPS });

    await page.click("#use");
    await page.waitForURL(/index\.html#/);
    await expect.poll(() => page.locator("#status-text").textContent(), { timeout: LOADING }).toMatch(/ms per image/);
    expect(await page.locator("#model").inputValue()).toBe("trained-here");
    const samples = readSampleSet(await readFile(join(site, "samples/trained-here.json"), "utf8"));
    const shown = samples.images.filter(({ count }) => count > 0).slice(0, 4);
    for (const [i, { raster }] of shown.entries()) {
      await page.locator("#examples button").nth(i).click();
      const [scene] = await model.infer(raster, { prune: false });
      const words = scene!.count === 0 ? "No objects" : scene!.count === 1 ? "1 object" : `${scene!.count} objects`;
      await expect.poll(() => text("count"), { timeout: LOADING }).toBe(words);
    }
    expect(faults).toEqual([]);
  });

  it("starts anew with another seed, and refuses what is none", PATIENT, async () => {
    await open();
    await page.fill("#seed", "-3");
    await page.click("#restart");
    await expect.poll(() => text("alert")).toMatch(/whole number/);
    await page.fill("#seed", "7");
    await page.click("#restart");
    await expect.poll(() => text("status"), { timeout: LOADING }).toBe("Ready, seed 7");
    expect(await page.locator("#alert").isHidden()).toBe(true);
    expect(faults).toEqual([]);
  });

  it("says what is wrong when a training file is damaged", PATIENT, async () => {
    server.answer(`${PATH}training/strokes/evaluation.onnx`, (response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" }).end("no graph");
    });
    await page.goto(`${server.origin}${PATH}learn.html`);
    await expect.poll(() => text("alert"), { timeout: LOADING }).toMatch(/evaluation\.onnx is truncated/);
    expect(await text("status")).toBe("Stopped");
  });
});

/** Keeps what the training worker says, in `messages`. */
const RECORD_MESSAGES = `
  globalThis.messages = [];
  const Original = Worker;
  globalThis.Worker = class extends Original {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => { if (data.progress) globalThis.messages.push({ progress: data.progress }); });
    }
  };
`;
