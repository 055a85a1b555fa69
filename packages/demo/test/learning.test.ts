/**
 * Tests the page "Watch it learn" in a real Chromium: it trains as Node does, pauses, goes on after a reload, and the model that it
 * gives runs on the drawing page and, downloaded, in Node.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AirModel } from "@air-onnx/runtime-node";
import { chromium, linux, longRun } from "@air-onnx/test/requirements";
import type { Browser, Page } from "playwright-core";
import { PNG } from "pngjs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { launchChromium } from "../../../test/browser/chromium.js";
import { readSampleSet } from "../src/sample-set.js";
import { lossesInNode } from "./training-in-node.js";
import {
  buildSite,
  lossesOf,
  messagesOf,
  OBSERVE_SHIFTS,
  PATH,
  RECORD_MESSAGES,
  root,
  shiftsOf,
  unpackModel,
  Visit,
} from "./visit.js";

const MINUTES = 60_000;
/** Time for a part of the training, on a busy machine where nothing is optimised, ms. */
const LOADING = 6 * MINUTES;
const PATIENT = { timeout: 15 * MINUTES };
/** Steps of the whole training, and of those of which losses are compared. */
const STEPS = 6;
const COMPARED = 5;
/** Time asleep, ms; from five seconds on the page speaks of it. */
const ASLEEP = 8000;

chromium.describe("watch it learn", () => {
  let folder: string;
  let site: string;
  let browser: Browser;
  let visit: Visit;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "air-onnx-learn-"));
    site = join(folder, "site");
    await cp(join(root, "models/multi-mnist-64"), join(folder, "models/multi-mnist-64"), { recursive: true });
    await buildSite(site, join(folder, "models"), STEPS);
    browser = await launchChromium({ webgpu: false });
  }, 10 * MINUTES);
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(() => start());
  afterEach(() => visit.end());

  /** @param serviceWorkers whether the page's service worker may answer in place of the server */
  async function start(serviceWorkers: "allow" | "block" = "allow"): Promise<void> {
    visit = await Visit.start(browser, site, {
      viewport: { width: 1100, height: 1000 },
      acceptDownloads: true,
      serviceWorkers,
    });
    page = visit.page;
    visit.context.setDefaultTimeout(LOADING);
    await visit.context.addInitScript(RECORD_MESSAGES);
  }

  const text = (id: string) => visit.text(id);
  const losses = () => lossesOf(page);
  /** Counts the points of a curve. */
  const pointsOf = (selector: string) => async () =>
    (await page.locator(selector).getAttribute("points"))?.trim().split(" ").length;
  async function open(): Promise<void> {
    await page.goto(`${visit.address}learn.html`);
    await expect.poll(() => text("status"), { timeout: LOADING }).not.toBe("Loading…");
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
    for (const [i, loss] of (await lossesInNode(join(site, "training/strokes"), COMPARED)).entries()) {
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
    await using model = await AirModel.fromPretrained(await unpackModel(download, join(folder, "unpacked")));
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
    expect(visit.faults).toEqual([]);
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
    expect(visit.faults).toEqual([]);
  });

  it.each([
    { width: 390, height: 844 },
    { width: 1280, height: 800 },
  ])("moves nothing at $width pixels while it loads and learns", PATIENT, async (size) => {
    await page.setViewportSize(size);
    await page.addInitScript(OBSERVE_SHIFTS);
    await open();
    await page.click("#run");
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    expect(await shiftsOf(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(size.width);
    expect(visit.faults).toEqual([]);
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
    expect(visit.faults).toEqual([]);
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
    expect(visit.faults).toEqual([]);
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
    expect(visit.faults).toEqual([]);
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
    expect(visit.faults).toEqual([]);
  });

  it("says what is wrong when a training file is damaged, and tries again", PATIENT, async () => {
    const path = `${PATH}training/strokes/evaluation.onnx`;
    visit.server.answer(path, (response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" }).end("no graph");
    });
    await page.goto(`${visit.address}learn.html`);
    await expect.poll(() => text("alert"), { timeout: LOADING }).toMatch(/evaluation\.onnx is truncated/);
    expect(await text("status")).toBe("Stopped");
    expect(await text("run")).toBe("Try again");
  });

  it("says that the numbers are not finite any more, and can start anew", PATIENT, async () => {
    await open();
    await page.click("#run");
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    await page.evaluate(setBack(SPOIL));
    await page.reload();
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Kept/);
    await page.click("#run");
    await expect.poll(() => text("alert"), { timeout: LOADING }).toMatch(/not finite any more/);
    expect(await page.locator("#run").isDisabled()).toBe(true);
    await page.click("#restart");
    await expect.poll(() => text("status"), { timeout: LOADING }).toBe("Ready, seed 1");
    expect(await page.locator("#alert").isHidden()).toBe(true);
  });

  it("says that the browser has no more room, and trains on", PATIENT, async () => {
    const tools = await visit.context.newCDPSession(page);
    await open();
    await tools.send("Storage.overrideQuotaForOrigin", { origin: visit.server.origin, quotaSize: 1 });
    await page.click("#run");
    await expect.poll(() => text("alert"), { timeout: LOADING }).toMatch(/does not keep the training/);
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
  });

  it(
    "says that the browser refuses to keep anything, trains on, and gives the model as a file alone",
    PATIENT,
    async () => {
      await visit.end();
      await start("block");
      await beginWorkerWith(REFUSE_STORAGE);
      await visit.context.addInitScript(REFUSE_STORAGE);
      await open();
      await page.click("#run");
      await expect
        .poll(() => text("alert"), { timeout: LOADING })
        .toMatch(/does not keep the training.*access is denied/);
      await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
      await page.click("#use");
      await expect.poll(() => text("model-status"), { timeout: LOADING }).toMatch(/download it instead/);
      expect(page.url()).toBe(`${visit.address}learn.html`);
      const downloading = page.waitForEvent("download");
      await page.click("#download");
      expect((await downloading).suggestedFilename()).toBe("trained-here.zip");
      expect(visit.faults).toEqual([]);
    },
  );

  longRun.it("says that there is no memory left, and goes on from the last state when there is", PATIENT, async () => {
    await visit.end();
    await start("block");
    await open();
    await page.click("#run");
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    await page.evaluate(setBack());
    await beginWorkerWith(LITTLE_MEMORY);
    await page.reload();
    await expect.poll(() => text("status"), { timeout: LOADING }).toBe("Kept from last time at step 3, seed 0");
    await page.click("#run");
    await expect.poll(() => text("alert"), { timeout: LOADING }).toMatch(/no memory left.*Close other tabs/);
    expect(await text("run")).toBe("Go on from the last state");
    expect(await text("status")).toBe("Stopped");
    expect(await losses()).toEqual([]);
    await beginWorkerWith("");
    await page.click("#run");
    await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
    expect(await losses()).toHaveLength(STEPS - 3);
    expect(await page.locator("#alert").isHidden()).toBe(true);
  });

  linux.describe("a tab asleep", () => {
    longRun.it("goes on after it was put to sleep, and says for how long", PATIENT, async () => {
      const tools = await browser.newBrowserCDPSession();
      await open();
      await page.evaluate(RECORD_STATUS);
      // At this pace it pauses after each call for as long as that took. A first call, in which the graph is opened, takes longest.
      await page.selectOption("#pace", "gentle");
      const { processInfo } = await tools.send("SystemInfo.getProcessInfo");
      const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
      await page.click("#run");
      // The pause begins after the first pictures. Browsers freeze pages between two tasks, too.
      const isPausing = async () => {
        const messages = await messagesOf(page);
        const first = messages.findIndex(({ progress }) => progress);
        return first >= 0 && messages.slice(first).some(({ explained }) => explained);
      };
      await expect.poll(isPausing, { timeout: LOADING, interval: 10 }).toBe(true);
      for (const id of renderers) process.kill(id, "SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, ASLEEP));
      for (const id of renderers) process.kill(id, "SIGCONT");
      await expect.poll(() => text("status"), { timeout: LOADING }).toMatch(/^Done/);
      const statuses = (await page.evaluate("statuses")) as string[];
      expect(statuses.join("\n")).toMatch(
        /^Learning… The browser let this page sleep for \d+ s; it went on after that\.$/m,
      );
      expect(await losses()).toHaveLength(STEPS);
      expect(visit.faults).toEqual([]);
    });
  });

  it("finds no image in a folder of other files, and names them", PATIENT, async () => {
    await open();
    const other = join(folder, "other");
    await mkdir(join(other, "within"), { recursive: true });
    await writeFile(join(other, "notes.txt"), "no picture");
    await writeFile(join(other, "within/empty.png"), "");
    await page.setInputFiles("#folder", other);
    await expect
      .poll(() => text("files-status"), { timeout: LOADING })
      .toMatch(/^0 images can be used: training needs at least 40\. No images that this browser can read: /);
    const said = await text("files-status");
    for (const name of ["other/notes.txt", "other/within/empty.png"]) expect(said).toContain(name);
    expect(await page.locator("#learn-files").isDisabled()).toBe(true);
    expect(visit.faults).toEqual([]);
  });

  /** Has the server begin the training worker's code with `code`. */
  async function beginWorkerWith(code: string): Promise<void> {
    const name = (await readdir(join(site, "assets"))).find((each) => /^training-worker-.*\.js$/.test(each))!;
    const own = await readFile(join(site, "assets", name), "utf8");
    visit.server.answer(`${PATH}assets/${name}`, (response) => {
      response.writeHead(200, { "content-type": "text/javascript" }).end(code + own);
    });
  }
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

/**
 * Sets the kept training back to step 3 of its finished six.
 *
 * @param change code that changes its state, `kept.checkpoint.state`, before
 */
const setBack = (change = "") => `new Promise((resolve, reject) => {
  const opening = indexedDB.open("air-onnx-training", 1);
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const store = opening.result.transaction("kept", "readwrite").objectStore("kept");
    const reading = store.get("training");
    reading.onsuccess = () => {
      const kept = reading.result;
      ${change}
      const writing = store.put({ ...kept, checkpoint: { ...kept.checkpoint, step: 3 } }, "training");
      writing.onsuccess = () => { opening.result.close(); resolve(); };
      writing.onerror = () => reject(writing.error);
    };
  };
})`;

/** Makes the parameters so large that the next loss is not finite. */
const SPOIL = "for (const { data } of Object.values(kept.checkpoint.state.parameters)) data.fill(1e30);";

/** Lets onnxruntime have less memory than a training step needs: it fails as on a device that has no more. */
const LITTLE_MEMORY = `
  const PlainMemory = WebAssembly.Memory;
  WebAssembly.Memory = class extends PlainMemory {
    constructor(descriptor) {
      super({ ...descriptor, maximum: 700 });
    }
  };
`;

/** As browsers do that are set to keep nothing of a site. */
const REFUSE_STORAGE = `
  IDBFactory.prototype.open = () => {
    throw new DOMException("access is denied for this document", "SecurityError");
  };
`;

/** Keeps every text of the status line in \`statuses\`. */
const RECORD_STATUS = `
  globalThis.statuses = [];
  const status = document.getElementById("status");
  new MutationObserver(() => globalThis.statuses.push(status.textContent)).observe(status, { childList: true });
`;
