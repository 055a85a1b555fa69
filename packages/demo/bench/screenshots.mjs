/**
 * Takes the README's screenshots of the page, into docs/images, in the middle of the second step of the story. Run
 * `node packages/demo/bench/screenshots.mjs` after a build.
 */
import { join } from "node:path";
import { demo, inChromium } from "./in-chromium.mjs";

const images = join(demo, "../../docs/images");
/** Position of the slider at step 2, infer. */
const POSITION = "4";
const PATIENCE = 600_000;
/** Time until all results of an image are shown, the pace included, ms. */
const SETTLED = 1200;

const pictures = [
  { name: "demo-light", colorScheme: "light", width: 1120, height: 1000, scale: 1, to: ".story" },
  { name: "demo-dark", colorScheme: "dark", width: 1120, height: 1000, scale: 1, to: ".story" },
  { name: "demo-phone", colorScheme: "light", width: 400, height: 800, scale: 2, to: ".reading-row" },
];

await inChromium(async ({ browser, origin }) => {
  for (const { name, colorScheme, width, height, scale, to } of pictures) {
    const context = await browser.newContext({
      viewport: { width, height },
      deviceScaleFactor: scale,
      colorScheme,
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    await page.goto(origin, { timeout: PATIENCE });
    // Waits until the pace, the imagined scenes and the walk through z_what are shown.
    await page.waitForFunction(() => /ms per image/.test(document.getElementById("status-text").textContent));
    await page.locator("#dreams canvas").last().waitFor();
    await page.locator("#walk input").last().waitFor();
    // Chooses another example and returns, so that the pace is not that of the first, slower inference.
    for (const example of [2, 1, 2, 1, 0]) {
      await page.locator("#examples button").nth(example).click();
      await page.waitForTimeout(SETTLED);
    }
    await page.locator("#story-slider").fill(POSITION);
    const end = await page.locator(to).evaluate((element) => element.getBoundingClientRect().bottom + scrollY);
    const path = join(images, `${name}.png`);
    await page.screenshot({ path, fullPage: true, clip: { x: 0, y: 0, width, height: Math.ceil(end) } });
    console.log(path);
    await context.close();
  }
});
