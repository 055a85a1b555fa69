/**
 * Takes the screenshots of the pages for the documentation, into docs/images: the drawing page in the middle of the second step of
 * the story, and the page that trains after some training. Run `node packages/demo/bench/screenshots.mjs` after a build; `--only learn`
 * takes those whose name begins so, `--steps N` trains N steps before (default 1,200, about two minutes).
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { demo, inChromium } from "./in-chromium.mjs";

const images = join(demo, "../../docs/images");
/** Position of the slider at step 2, infer. */
const POSITION = "4";
const PATIENCE = 600_000;
/** Time until all results of an image are shown, the pace included, ms. */
const SETTLED = 1200;

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, steps: { type: "string", default: "1200" } },
});
const isWanted = ({ name }) => name.startsWith(values.only);

const pictures = [
  { name: "demo-light", colorScheme: "light", width: 1120, height: 1000, scale: 1, to: ".story" },
  { name: "demo-dark", colorScheme: "dark", width: 1120, height: 1000, scale: 1, to: ".story" },
  { name: "demo-phone", colorScheme: "light", width: 400, height: 800, scale: 2, to: ".reading-row" },
];

const learning = [
  { name: "learn-light", colorScheme: "light", width: 1120, height: 900, to: ".curves" },
  { name: "learn-dark", colorScheme: "dark", width: 1120, height: 900, to: ".curves" },
  { name: "learn-phone", colorScheme: "light", width: 400, height: 800, to: ".curves" },
];

async function shoot(page, { name, width, to }) {
  const end = await page.locator(to).evaluate((element) => element.getBoundingClientRect().bottom + scrollY);
  const path = join(images, `${name}.png`);
  await page.screenshot({ path, fullPage: true, clip: { x: 0, y: 0, width, height: Math.ceil(end) } });
  console.log(path);
}

await inChromium(async ({ browser, origin }) => {
  for (const picture of pictures.filter(isWanted)) {
    const { colorScheme, width, height, scale } = picture;
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
    await shoot(page, picture);
    await context.close();
  }

  const wanted = learning.filter(isWanted);
  if (wanted.length === 0) return;
  // One training for all: the window changes its size and its colours.
  const context = await browser.newContext({ reducedMotion: "reduce", deviceScaleFactor: 2 });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  await page.goto(`${origin}/learn.html`, { timeout: PATIENCE });
  await page.waitForFunction(() => !document.getElementById("run").disabled);
  await page.click("#run");
  const isFar = (steps) => {
    const done = /^Step ([\d,]+) of/.exec(document.getElementById("progress-text").textContent);
    return Number(done[1].replaceAll(",", "")) >= steps;
  };
  await page.waitForFunction(isFar, Number(values.steps), { timeout: 3 * PATIENCE });
  await page.click("#run");
  await page.waitForFunction(() => /^(Paused|Done)/.test(document.getElementById("status").textContent));
  for (const picture of wanted) {
    await page.setViewportSize({ width: picture.width, height: picture.height });
    await page.emulateMedia({ colorScheme: picture.colorScheme });
    await shoot(page, picture);
  }
  await context.close();
});
