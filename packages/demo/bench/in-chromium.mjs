/** Serves the built page on this machine and opens it in the installed Chromium, for scripts that are run by hand. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { preview } from "vite";
import { findChromium, howToGetOne } from "../../../test/browser/find-chromium.mjs";

export const demo = fileURLToPath(new URL("../", import.meta.url));

/**
 * @template Result
 * @param {(place: { browser: import("playwright-core").Browser, origin: string }) => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function inChromium(work) {
  const executablePath = findChromium();
  if (!executablePath) throw new Error(`There is no Chromium here. ${howToGetOne}.`);
  if (!existsSync(`${demo}dist/index.html`)) throw new Error("The page is not built: npm run -w packages/demo build");
  const server = await preview({ root: demo, logLevel: "error", preview: { host: "127.0.0.1", port: 0 } });
  const browser = await chromium.launch({
    executablePath,
    // Allows WebGPU in software where there is no GPU. No sandbox, because Chromium refuses one to root in containers.
    args: ["--no-sandbox", "--enable-unsafe-webgpu", "--no-first-run", "--disable-background-networking"],
    timeout: 0,
  });
  try {
    return await work({ browser, origin: `http://127.0.0.1:${server.httpServer.address().port}` });
  } finally {
    await browser.close();
    await server.close();
  }
}
