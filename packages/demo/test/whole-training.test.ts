/**
 * Trains as a visitor does, in the page as it is built for visitors, until 95 % of the held-out images are counted right; then uses the
 * model on the drawing page, downloads it, and opens it in Node.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AirModel } from "@air-onnx/runtime-node";
import { generateMultiStrokes } from "@air-onnx/scenes";
import { chromium, longRun } from "@air-onnx/test/requirements";
import { expect } from "vitest";
import { bundlePage } from "../../../test/browser/bundle.js";
import { launchChromium } from "../../../test/browser/chromium.js";
import type * as Kept from "./kept/main.js";
import { lossesInNode } from "./training-in-node.js";
import { buildSite, lossesOf, messagesOf, RECORD_MESSAGES, root, unpackModel, Visit } from "./visit.js";

const MINUTES = 60_000;
/** Time for a part of it, on a busy machine, ms. */
const LOADING = 5 * MINUTES;
/** On two quiet cores it takes about 25 s to get there. */
const TRAINING = 30 * MINUTES;
const GOAL = 0.95;
const IMAGES = 1000;
/** Steps after that of the checkpoint whose losses are compared. */
const COMPARED = 5;
/** Where the page of `kept` is served: beside the site, of the same origin. */
const BESIDE = "/";

chromium.describe("a training to its goal", () => {
  longRun.it("gives a model that counts alike in the page and in Node", { timeout: 60 * MINUTES }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "air-onnx-whole-training-"));
    const site = join(folder, "site");
    await cp(join(root, "models/multi-mnist-64"), join(folder, "models/multi-mnist-64"), { recursive: true });
    await buildSite(site, join(folder, "models"));
    await bundlePage(fileURLToPath(new URL("kept", import.meta.url)), join(folder, "kept"));
    const browser = await launchChromium({ webgpu: false, isOptimised: true });
    try {
      const beside = { [BESIDE]: join(folder, "kept") };
      const visit = await Visit.start(browser, site, { acceptDownloads: true }, beside);
      const { page } = visit;
      visit.context.setDefaultTimeout(LOADING);
      await visit.context.addInitScript(RECORD_MESSAGES);
      const status = (words: RegExp, timeout = LOADING) =>
        expect.poll(() => visit.text("status"), { timeout }).toMatch(words);

      await page.goto(`${visit.address}learn.html`);
      await status(/^Ready, seed 0/);
      const begin = performance.now();
      await page.click("#run");
      const reached = async () => (await messagesOf(page)).find(({ point }) => (point?.accuracy ?? 0) >= GOAL)?.point;
      await expect.poll(reached, { timeout: TRAINING, interval: 200 }).toBeDefined();
      const seconds = (performance.now() - begin) / 1000;
      const { step, accuracy } = (await reached())!;
      console.log(`${(100 * accuracy!).toFixed(1)} % of 250 held-out images at step ${step}, ${seconds.toFixed(0)} s`);
      await page.click("#run");
      await status(/^Paused/);
      expect(await visit.text("accuracy-now")).toMatch(/^9\d|^> 99/);

      // From the state that the browser kept, Node goes on as the page does.
      const other = await visit.context.newPage();
      await other.goto(visit.server.origin + BESIDE);
      await other.waitForFunction(() => "page" in globalThis);
      const call = <Name extends keyof typeof Kept>(name: Name, ...args: Parameters<(typeof Kept)[Name]>) =>
        other.evaluate(
          ([name, args]) => {
            const { page } = globalThis as unknown as { page: Record<string, (...args: unknown[]) => unknown> };
            return page[name]!(...args);
          },
          [name, args] as const,
        ) as Promise<Awaited<ReturnType<(typeof Kept)[Name]>>>;
      const checkpoint = await call("checkpoint");
      const done = (await lossesOf(page)).length;
      expect(checkpoint.step).toBe(done);
      await page.click("#run");
      await expect
        .poll(async () => (await lossesOf(page)).length, { timeout: LOADING })
        .toBeGreaterThanOrEqual(done + COMPARED);
      await page.click("#run");
      await status(/^Paused|^Done/);
      const later = (await lossesOf(page)).slice(done);
      for (const [i, loss] of (await lossesInNode(join(site, "training/strokes"), COMPARED, checkpoint)).entries()) {
        expect(Math.abs(later[i]! - loss) / Math.abs(loss), `step ${done + i + 1}`).toBeLessThan(1e-4);
      }

      const downloading = page.waitForEvent("download");
      await page.click("#download");
      await using model = await AirModel.fromPretrained(await unpackModel(await downloading, folder));
      const { metrics, training } = model.manifest;
      expect(training).toMatchObject({ dataset: "multi-strokes", seed: 0, steps: done + later.length });
      await expect.poll(() => page.locator("#use").isEnabled()).toBe(true);
      await page.click("#use");
      await page.waitForURL(/index\.html#/);
      const shown = () => page.locator("#status-text").textContent();
      await expect.poll(shown, { timeout: LOADING }).toMatch(/ms per image/);
      expect(await page.locator("#model").inputValue()).toBe("trained-here");
      expect(await visit.text("count")).toMatch(/object/);

      const scenes = await generateMultiStrokes({ seed: 11, size: IMAGES });
      visit.server.answer("/images.bin", (response) => response.writeHead(200).end(scenes.images));
      const inPage = await call("counts", "/images.bin");
      const found = await model.infer(Float32Array.from(scenes.images, (value) => value / 255));
      const inNode = found.map(({ count }) => count);
      const right = inNode.filter((count, i) => count === scenes.counts[i]).length;
      console.log(`in Node, ${right} of ${IMAGES} other images; at the download ${JSON.stringify(metrics)}`);
      expect(inPage).toEqual(inNode);
      expect(right / IMAGES).toBeGreaterThan(0.9);
      expect(visit.faults).toEqual([]);
      await visit.end();
    } finally {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
