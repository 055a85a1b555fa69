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
import { PNG } from "pngjs";
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
const STEPS = 6;
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
  /** Counts the points of a curve. */
  const pointsOf = (selector: string) => async () =>
    (await page.locator(selector).getAttribute("points"))?.trim().split(" ").length;
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

  it("trains the paper's estimator beside it, from the same seed, with both curves in one plot", PATIENT, async () => {
    await open();
    await page.check("#compare");
    await expect.poll(() => text("rival-status"), { timeout: LOADING }).toMatch(/^REINFORCE: step 0/);
    await page.click("#run");
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    await expect
      .poll(() => text("rival-status"), { timeout: LOADING })
      .toMatch(new RegExp(`^REINFORCE: step ${STEPS}`));
    await expect.poll(() => page.locator("#elbo polyline").count()).toBe(2);
    await expect.poll(pointsOf("#accuracy polyline.rival")).toBe(2);
    expect(await page.locator("#accuracy .name").allTextContents()).toEqual(["REINFORCE", "this one"]);
    await page.uncheck("#compare");
    expect(await page.locator("#elbo polyline").count()).toBe(1);
    expect(faults).toEqual([]);
  });

  it("learns an alphabet that a visitor draws, also after a reload", PATIENT, async () => {
    await open();
    await page.click("#add-symbol");
    await expect.poll(() => text("pad-status")).toBe("Draw something first.");
    const pad = page.locator("#pad");
    await pad.scrollIntoViewIfNeeded();
    const { x, y, width } = (await pad.boundingBox())!;
    for (const [dx, dy] of [
      [0, 0.7],
      [0.7, 0],
    ] as const) {
      await page.mouse.move(x + 0.15 * width, y + 0.15 * width);
      await page.mouse.down();
      await page.mouse.move(x + (0.15 + dx) * width, y + (0.15 + dy) * width, { steps: 4 });
      await page.mouse.up();
      await page.click("#add-symbol");
    }
    await expect.poll(() => text("pad-status")).toBe("1 more to draw.");
    expect(await page.locator("#learn-symbols").isDisabled()).toBe(true);
    // The third by the keyboard.
    await pad.focus();
    for (const key of ["Space", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "Space"])
      await page.keyboard.press(key);
    await page.click("#add-symbol");
    expect(await page.locator("#symbols li").count()).toBe(3);
    await page.click("#learn-symbols");
    await expect.poll(() => text("source"), { timeout: LOADING }).toMatch(/your 3 symbols/);
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    await page.reload();
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done, seed 0/);
    expect(await text("source")).toMatch(/your 3 symbols/);
    expect(await page.locator("#symbols li").count()).toBe(3);
    await page.click("#learn-digits");
    await expect.poll(() => text("source"), { timeout: LOADING }).toMatch(/digits/);
    expect(faults).toEqual([]);
  });

  it("learns from files, and names those that are no images", PATIENT, async () => {
    await open();
    const files = Array.from({ length: 45 }, (_, i) => ({
      name: `${i}.png`,
      mimeType: "image/png",
      buffer: square(i),
    }));
    const broken = { name: "broken.png", mimeType: "image/png", buffer: files[0]!.buffer.subarray(0, 60) };
    const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") };
    await page.setInputFiles("#files", [files[0]!, notes]);
    await expect.poll(() => text("files-status")).toMatch(/^1 image can be used: .* at least 40\. .*: notes\.txt\.$/);
    expect(await page.locator("#learn-files").isDisabled()).toBe(true);
    await page.setInputFiles("#files", [...files, broken, notes]);
    await expect
      .poll(() => text("files-status"), { timeout: LOADING })
      .toBe("45 images, scaled to 50×50 pixels and grey. No images that this browser can read: broken.png, notes.txt.");
    await page.click("#learn-files");
    await expect.poll(() => text("source"), { timeout: LOADING }).toMatch(/your 45 images/);
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    expect(await page.locator("#accuracy-figure").isHidden()).toBe(true);
    await expect.poll(() => text("telling")).toMatch(/no counts to compare/);
    expect(await page.locator("#explained p").first().textContent()).toMatch(/objects?$/);
    expect(faults).toEqual([]);
  });

  it("scrubs through a training that was recorded", PATIENT, async () => {
    await open();
    await page.click("#recorded summary");
    await expect.poll(() => text("recorded-now"), { timeout: LOADING }).toMatch(/^Step 0: /);
    expect(await text("recorded-facts")).toMatch(/^Recorded on 20\d\d-\d\d-\d\d in Node\.js/);
    const slider = page.locator("#recorded-step");
    const drawn = () =>
      page
        .locator("#recorded-explained canvas")
        .nth(1)
        .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
    const before = await drawn();
    await slider.focus();
    await page.keyboard.press("End");
    await expect.poll(() => text("recorded-now")).not.toMatch(/^Step 0: /);
    expect(await drawn()).not.toBe(before);
    expect(await slider.getAttribute("aria-valuetext")).toBe(await text("recorded-now"));
    expect(await page.locator("#recorded-explained rect").count()).toBeGreaterThan(0);
    expect(faults).toEqual([]);
  });

  it("says what is wrong when a training file is damaged, and tries again", PATIENT, async () => {
    const path = `${PATH}training/strokes/evaluation.onnx`;
    server.answer(path, (response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" }).end("no graph");
    });
    await page.goto(`${server.origin}${PATH}learn.html`);
    await expect.poll(() => text("alert"), { timeout: LOADING }).toMatch(/evaluation\.onnx is truncated/);
    expect(await text("status")).toBe("Stopped");
    expect(await text("run")).toBe("Try again");
  });

  it("says that the numbers are not finite any more, and can start anew", PATIENT, async () => {
    await open();
    await page.click("#run");
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    await page.evaluate(SPOIL_CHECKPOINT);
    await page.reload();
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Kept/);
    await page.click("#run");
    await expect.poll(() => text("alert"), { timeout: LOADING }).toMatch(/not finite any more/);
    expect(await page.locator("#run").isDisabled()).toBe(true);
    await page.click("#restart");
    await expect.poll(() => text("status"), { timeout: LOADING }).toBe("Ready, seed 1");
    expect(await page.locator("#alert").isHidden()).toBe(true);
  });

  it("says that the browser keeps nothing, and trains on", PATIENT, async () => {
    const tools = await context.newCDPSession(page);
    await open();
    await tools.send("Storage.overrideQuotaForOrigin", { origin: server.origin, quotaSize: 1 });
    await page.click("#run");
    await expect.poll(() => text("alert"), { timeout: LOADING }).toMatch(/does not keep the training/);
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
  });
});

/** A picture with a bright square whose place depends on `i`. */
function square(i: number): Buffer {
  const png = new PNG({ width: 40, height: 40 });
  for (let at = 0; at < 40 * 40; at++) {
    const [x, y] = [at % 40, Math.floor(at / 40)];
    const isInside = Math.abs(x - 10 - (i % 20)) < 5 && Math.abs(y - 20) < 5;
    png.data.set([...new Array(3).fill(isInside ? 255 : 0), 255], 4 * at);
  }
  return PNG.sync.write(png);
}

/** Makes the parameters of the kept training so large that the next loss is not finite, and sets it back by a few steps. */
const SPOIL_CHECKPOINT = `new Promise((resolve, reject) => {
  const opening = indexedDB.open("air-onnx-training", 1);
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const store = opening.result.transaction("kept", "readwrite").objectStore("kept");
    const reading = store.get("training");
    reading.onsuccess = () => {
      const kept = reading.result;
      for (const { data } of Object.values(kept.checkpoint.state.parameters)) data.fill(1e30);
      const writing = store.put({ ...kept, checkpoint: { ...kept.checkpoint, step: 3 } }, "training");
      writing.onsuccess = () => { opening.result.close(); resolve(); };
      writing.onerror = () => reject(writing.error);
    };
  };
})`;

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
