/**
 * Tests the built page in a real Chromium, served from a sub-path as by any static host: drawing, the story, editing, links,
 * offline use, a model of another form, and messages when something is missing.
 */
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAirConfig } from "@air-onnx/core";
import { exportModel } from "@air-onnx/export";
import { chromium } from "@air-onnx/test/requirements";
import { initialParameters } from "@air-onnx/train";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { launchChromium } from "../../../test/browser/chromium.js";
import { buildSite, OBSERVE_SHIFTS, PATH, root, shiftsOf, Visit } from "./visit.js";

const MINUTES = 60_000;
/** Time for the page to load and count for the first time, on a busy machine, ms. */
const LOADING = 2 * MINUTES;
/** Time for a test on a busy machine. */
const PATIENT = { timeout: 10 * MINUTES };

/** Strokes of handwritten digits: points in hundredths of the height, x to the right, y down. */
const TWO = [4, 20, 12, 7, 28, 1, 45, 2, 56, 9, 61, 20, 60, 32, 52, 47, 40, 62, 22, 80, 2, 97, 36, 95, 70, 97];
const FIVE = [
  66, 1, 42, 2, 18, 3, 14, 22, 10, 44, 24, 39, 40, 40, 54, 46, 62, 58, 65, 70, 60, 86, 48, 96, 36, 100, 18, 98, 3, 92,
];

chromium.describe("the demo", () => {
  let folder: string;
  let browser: Browser;
  let visit: Visit;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "air-onnx-demo-"));
    await cp(join(root, "models/multi-mnist"), join(folder, "models/multi-mnist"), { recursive: true });
    await exportTinyRgbModel(join(folder, "models/tiny-rgb"));
    await buildSite(join(folder, "site"), join(folder, "models"));
    browser = await launchChromium({ webgpu: false });
  }, 10 * MINUTES);
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    visit = await Visit.start(browser, join(folder, "site"), {
      viewport: { width: 1100, height: 1000 },
      reducedMotion: "reduce",
    });
    page = visit.page;
  });
  afterEach(() => visit.end());

  const address = (hash = "") => visit.address + hash;
  const count = () => page.locator("#count");
  const boxes = (on: Page = page) => on.locator("#scene-boxes .object");
  const labels = (on: Page = page) =>
    boxes(on).evaluateAll((groups) => groups.map((group) => group.getAttribute("aria-label")));
  const pixels = (canvas: Locator) => canvas.evaluate((element) => (element as unknown as PixelSource).toDataURL());

  async function open(hash = ""): Promise<void> {
    await page.goto(address(hash));
    await expect.poll(() => count().textContent(), { timeout: LOADING }).toMatch(/object/);
  }

  /** Draws a digit whose height is a share of the canvas's; a third is the height of the model's objects. */
  async function draw(digit: readonly number[], left: number, top: number, height = 0.31): Promise<void> {
    const surface = page.locator("#surface");
    await surface.scrollIntoViewIfNeeded();
    const box = (await surface.boundingBox())!;
    const scale = (height * box.width) / 100;
    const at = (i: number) =>
      [box.x + left * box.width + digit[2 * i]! * scale, box.y + top * box.height + digit[2 * i + 1]! * scale] as const;
    await page.mouse.move(...at(0));
    await page.mouse.down();
    for (let i = 1; 2 * i < digit.length; i++) await page.mouse.move(...at(i), { steps: 3 });
    await page.mouse.up();
  }

  async function drawTwoDigits(): Promise<void> {
    await page.click("#clear");
    await expect.poll(() => count().textContent()).toBe("No objects");
    await draw(TWO, 0.12, 0.1);
    await expect.poll(() => count().textContent()).toBe("1 object");
    await draw(FIVE, 0.6, 0.58);
    await expect.poll(() => count().textContent()).toBe("2 objects");
  }

  it("counts digits as they are drawn, and tells how", PATIENT, async () => {
    await open();
    await drawTwoDigits();
    expect(await page.locator("#bars li.most").textContent()).toMatch(/^2/);
    await expect.poll(() => page.locator("#summary").textContent()).toMatch(/^2 objects: 1 /);
    await expect.poll(() => page.locator("#status-text").textContent()).toMatch(/ms per image/);

    const slider = page.locator("#story-slider");
    const story = page.locator("#story-text");
    await slider.focus();
    const canvas = page.locator('[data-panel="canvas"] canvas');
    const empty = await pixels(canvas);
    await expect.poll(() => story.textContent()).toMatch(/^Step 1, attend\..* yes\./);
    await page.keyboard.press("ArrowRight");
    expect(await story.textContent()).toMatch(/^Step 1, infer\./);
    expect(await pixels(canvas)).toBe(empty);
    await page.keyboard.press("ArrowRight");
    expect(await story.textContent()).toMatch(/^Step 1, repeat\./);
    expect(await pixels(canvas)).not.toBe(empty);
    await page.keyboard.press("End");
    expect(await story.textContent()).toMatch(/^Step 3, repeat\..*(stops|never gets here)/);

    await page.click("#undo");
    await expect.poll(() => count().textContent()).toBe("1 object");
    expect(visit.faults).toEqual([]);
  });

  it("counts a digit larger than those of training from further away, and says so", PATIENT, async () => {
    await open();
    await page.click("#clear");
    await expect.poll(() => count().textContent()).toBe("No objects");
    await draw(TWO, 0.3, 0.2, 0.42);
    const note = page.locator("#picture-note");
    await expect.poll(() => note.textContent()).toMatch(/^Looked at from further away, at \d\d % of its size/);
    expect(await count().textContent()).toBe("1 object");
    const box = (await boxes().first().boundingBox())!;
    const surface = (await page.locator("#surface").boundingBox())!;
    expect(box.height / surface.height, "a box in the drawing's own pixels").toBeGreaterThan(0.35);
    expect(await page.locator("#story-text").textContent()).toMatch(/^Step 1/);
    await page.click("#clear");
    await expect.poll(() => note.textContent()).toBe("");
    expect(visit.faults).toEqual([]);
  });

  it("lets objects be edited by pointer and keyboard, and a link keeps it", PATIENT, async () => {
    await open();
    await drawTwoDigits();
    await expect.poll(() => boxes().count()).toBe(2);
    const scene = page.locator("#scene");
    const inferred = await pixels(scene);

    const before = await labels();
    await boxes().nth(1).focus();
    await page.keyboard.press("Shift+ArrowLeft");
    await page.keyboard.press("+");
    await expect.poll(() => labels()).not.toEqual(before);
    await expect.poll(() => pixels(scene)).not.toBe(inferred);

    const box = (await boxes().first().boundingBox())!;
    const moved = await labels();
    // Moves the object to the other side, whichever digit was found first.
    const drag = moved[0]!.includes("right") ? -130 : 130;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2 + drag, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    await expect.poll(async () => (await labels())[0]).not.toBe(moved[0]);

    await expect.poll(() => page.locator("#walk input[type=range]").count(), { timeout: MINUTES }).toBe(6);
    const undeformed = await pixels(scene);
    await page.locator("#walk input[type=range]").first().fill("2.5");
    await expect.poll(() => pixels(scene)).not.toBe(undeformed);

    await page.click("#duplicate");
    await expect.poll(() => boxes().count()).toBe(3);
    await page.click("#delete");
    await expect.poll(() => boxes().count()).toBe(2);
    const beforeDelete = await pixels(scene);
    await boxes().nth(1).focus();
    await page.keyboard.press("Delete");
    await expect.poll(() => boxes().count()).toBe(1);
    await expect.poll(() => pixels(scene)).not.toBe(beforeDelete);

    await expect.poll(() => new URL(page.url()).hash).toMatch(/image=.*&scene=/);
    const link = new URL(page.url()).hash;
    const drawing = await pixels(page.locator("#drawing"));
    const left = await labels();
    await page.goto("about:blank");
    await open(link);
    await expect.poll(() => boxes().count()).toBe(1);
    expect(await labels()).toEqual(left);
    expect(await pixels(page.locator("#drawing"))).toBe(drawing);
    expect(await count().textContent()).toBe("2 objects");
    const reopened = await pixels(scene);
    await page.reload();
    await expect.poll(() => pixels(scene), { timeout: MINUTES }).toBe(reopened);
    expect(new URL(page.url()).hash).toBe(link);

    await page.click("#follow");
    await expect.poll(() => boxes().count()).toBe(2);
    await page.fill("#dream-count", "3");
    await page.click("#dream");
    await expect.poll(() => boxes().count()).toBe(3);
    expect(visit.faults).toEqual([]);
  });

  it("works without a network after the first visit", PATIENT, async () => {
    await open();
    await page.evaluate("navigator.serviceWorker.ready.then(() => undefined)");
    await page.click("#keep");
    await expect.poll(() => page.locator("#kept").textContent(), { timeout: MINUTES }).toMatch(/^Kept\./);
    await visit.server.stop();
    await page.goto("about:blank");
    await page.goto(visit.address);
    await expect.poll(() => count().textContent(), { timeout: LOADING }).toBe("2 objects");
    await page.click("#clear");
    await expect.poll(() => count().textContent()).toBe("No objects");
    // A model that was never opened.
    await page.selectOption("#model", "tiny-rgb");
    await expect.poll(() => page.locator("#bars li").count()).toBe(3);
    await expect
      .poll(() => page.locator("#notices").textContent(), { timeout: MINUTES })
      .toMatch(/tiny-rgb.*as it was downloaded before/);
    expect(await page.locator("#alert:not([hidden])").allTextContents()).toEqual([]);
  });

  it("takes a model of other sizes and colours, by keyboard alone", PATIENT, async () => {
    await open();
    await page.selectOption("#model", "tiny-rgb");
    await expect
      .poll(() => page.locator("#status-text").textContent(), { timeout: MINUTES })
      .not.toMatch(/Loading| of /);
    await expect.poll(() => page.locator("#bars li").count()).toBe(3);
    await page.click("#clear");
    expect(await page.locator('input[name="tool"][value="stamp"]').isChecked(), "sprites are hard to draw").toBe(true);
    await page.locator("#stamps button").first().focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await page.locator("#stamps button").nth(2).getAttribute("aria-checked")).toBe("true");
    const black = await pixels(page.locator("#drawing"));
    await page.locator("#surface").focus();
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Enter");
    expect(await pixels(page.locator("#drawing"))).not.toBe(black);
    expect(await page.locator("#drawing").evaluate((canvas) => (canvas as unknown as PixelSource).width)).toBe(64);
    await expect.poll(() => count().textContent()).toMatch(/object/);
    // Each model warms up and dreams when it is open; the next one takes its place meanwhile.
    for (const [wait, name] of ["multi-mnist", "tiny-rgb", "multi-mnist", "tiny-rgb"].entries()) {
      await page.selectOption("#model", name);
      await page.waitForTimeout(150 * wait);
    }
    await expect.poll(() => page.locator("#bars li").count()).toBe(3);
    await expect
      .poll(() => page.locator("#status-text").textContent(), { timeout: MINUTES })
      .not.toMatch(/Loading| of /);
    expect(await page.locator("#alert:not([hidden])").allTextContents()).toEqual([]);
    expect(visit.faults).toEqual([]);
  });

  it("says in words what is missing, and goes on", PATIENT, async () => {
    await open();
    const alert = page.locator("#alert");
    await page.setInputFiles("#file", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no image") });
    await expect.poll(() => alert.textContent()).toMatch(/“notes.txt” is not an image/);
    expect(await alert.isVisible()).toBe(true);

    await page.click(".device summary");
    await page.selectOption("#device", "webgpu");
    await expect
      .poll(() => alert.textContent(), { timeout: MINUTES })
      .toMatch(/webgpu.*not available.*[.] Choose .*WebAssembly/s);
    expect(await page.locator("#device").inputValue()).toBe("wasm");
    await page.click("#clear");
    await expect.poll(() => count().textContent()).toBe("No objects");

    visit.server.answer(`${PATH}models/tiny-rgb/config.json`, (response) => response.writeHead(404).end());
    await page.selectOption("#model", "tiny-rgb");
    await expect.poll(() => alert.textContent(), { timeout: MINUTES }).toMatch(/tiny-rgb could not be opened.*404/s);
    await expect.poll(() => page.locator("#model").inputValue()).toBe("multi-mnist");
    await expect.poll(() => page.locator("#bars li").count()).toBe(4);

    await visit.context.setOffline(true);
    visit.server.answer(`${PATH}models/tiny-rgb/config.json`, (response) => response.destroy());
    await page.selectOption("#model", "tiny-rgb");
    await expect
      .poll(() => alert.textContent(), { timeout: MINUTES })
      .toMatch(/tiny-rgb could not be opened: there is no network/);
    await visit.context.setOffline(false);

    for (const [link, words] of [
      ["#model=nobody&image=AAAA", /“nobody”/],
      ["#model=multi-mnist&image=AAAA", /part of this link could not be read/],
    ] as const) {
      await page.goto("about:blank");
      await open(link);
      expect(await alert.isVisible()).toBe(true);
      expect(await alert.textContent()).toMatch(words);
      // An example, and not an empty drawing.
      expect(await count().textContent()).toBe("2 objects");
    }
  });

  it("keeps the last stroke when the page is reloaded at once", PATIENT, async () => {
    await open();
    await page.click("#clear");
    await draw(TWO, 0.3, 0.3);
    const drawn = await pixels(page.locator("#drawing"));
    await page.reload();
    await expect.poll(() => count().textContent(), { timeout: LOADING }).toMatch(/object/);
    expect(await pixels(page.locator("#drawing"))).toBe(drawn);
    expect(visit.faults).toEqual([]);
  });

  it("opens pictures of every kind, and says what it did to them", PATIENT, async () => {
    await open();
    const paper = "fill('#fff'); ink('#000');";
    const kinds: readonly (readonly [
      name: string,
      width: number,
      height: number,
      type: string,
      code: string,
      note: RegExp,
    ])[] = [
      ["board.png", 100, 100, "image/png", "fill('#000'); ink('#fff');", /^$/],
      ["paper.png", 100, 100, "image/png", paper, /^Dark on bright: inverted\.$/],
      ["paper.jpg", 640, 480, "image/jpeg", paper, /inverted/],
      ["shaded.jpg", 800, 800, "image/jpeg", "shade(); ink('#334');", /inverted, and the shading/],
      ["huge.jpg", 5000, 4000, "image/jpeg", paper, /inverted/],
      ["tall.png", 300, 700, "image/png", paper, /inverted/],
      ["transparent.png", 100, 100, "image/png", "ink('#000');", /inverted/],
    ];
    for (const [name, width, height, type, code, note] of kinds) {
      await page.click("#clear");
      await expect.poll(() => count().textContent()).toBe("No objects");
      await page.setInputFiles("#file", { name, mimeType: type, buffer: await picture(width, height, type, code) });
      await expect.poll(() => brightPixels(), { timeout: MINUTES, message: name }).toBeGreaterThan(3);
      // The ground is black: a digit covers little of the picture.
      expect(await brightPixels(), name).toBeLessThan(500);
      expect(await page.locator("#picture-note").textContent(), name).toMatch(note);
      expect(await page.locator("#alert:not([hidden])").allTextContents(), name).toEqual([]);
      if (width === height) await expect.poll(() => count().textContent(), { message: name }).toBe("1 object");
    }
    const whole = await picture(100, 100, "image/png", paper);
    const before = await pixels(page.locator("#drawing"));
    await page.setInputFiles("#file", { name: "half.png", mimeType: "image/png", buffer: whole.subarray(0, 60) });
    await expect.poll(() => page.locator("#alert").textContent()).toMatch(/“half.png” is not an image .*broken/);
    expect(await pixels(page.locator("#drawing")), "the drawing stays").toBe(before);
    expect(visit.faults).toEqual([]);
  });

  it("shows the size to draw around the pen, and the canvas, the tools and the answer at once", PATIENT, async () => {
    await page.setViewportSize({ width: 1280, height: 800 });
    await open();
    const bottom = async (selector: string) => {
      const { y, height } = (await page.locator(selector).boundingBox())!;
      return y + height;
    };
    for (const selector of ["#surface", "#upload", "#bars"]) expect(await bottom(selector), selector).toBeLessThan(800);
    const guide = page.locator("#drawing-boxes .guide");
    expect(await guide.isVisible()).toBe(false);
    const { x, y, width } = (await page.locator("#surface").boundingBox())!;
    await page.mouse.move(x + 0.25 * width, y + 0.75 * width);
    await page.mouse.down();
    await page.mouse.move(x + 0.35 * width, y + 0.75 * width, { steps: 3 });
    expect(await guide.isVisible()).toBe(true);
    const box = (await guide.boundingBox())!;
    expect((box.x + box.width / 2 - x) / width).toBeCloseTo(0.3, 1);
    await page.mouse.up();
    await page.mouse.move(5, 5);
    expect(await guide.isVisible()).toBe(false);

    await page.setViewportSize({ width: 390, height: 844 });
    for (const selector of ["#surface", "#upload", "#count"])
      expect(await bottom(selector), selector).toBeLessThan(844);
  });

  /** Makes a picture of a digit in the browser, and returns its file. */
  async function picture(width: number, height: number, type: string, code: string): Promise<Buffer> {
    const base64 = await page.evaluate(`(async () => {
      const canvas = document.createElement("canvas");
      canvas.width = ${width};
      canvas.height = ${height};
      const context = canvas.getContext("2d");
      const side = Math.min(canvas.width, canvas.height);
      const fill = (style) => { context.fillStyle = style; context.fillRect(0, 0, canvas.width, canvas.height); };
      const shade = () => {
        const light = context.createLinearGradient(0, 0, canvas.width, canvas.height);
        light.addColorStop(0, "#f2efe8");
        light.addColorStop(1, "#a8a49c");
        fill(light);
      };
      const ink = (style) => {
        context.strokeStyle = style;
        context.lineWidth = 0.05 * side;
        context.lineCap = context.lineJoin = "round";
        context.beginPath();
        const points = ${JSON.stringify(TWO)};
        for (let i = 0; i < points.length; i += 2)
          context.lineTo(canvas.width / 2 + (points[i] - 35) * 0.0031 * side, canvas.height / 2 + (points[i + 1] - 50) * 0.0031 * side);
        context.stroke();
      };
      ${code}
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, ${JSON.stringify(type)}, 0.8));
      const bytes = new Uint8Array(await blob.arrayBuffer());
      let text = "";
      for (const byte of bytes) text += String.fromCharCode(byte);
      return btoa(text);
    })()`);
    return Buffer.from(base64 as string, "base64");
  }

  /** Number of pixels of the drawing that are at least half white. */
  const brightPixels = () =>
    page.locator("#drawing").evaluate((element) => {
      const canvas = element as unknown as PixelSource;
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.width);
      let bright = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i]! > 127) bright++;
      return bright;
    });

  it.each([
    { width: 360, height: 800 },
    { width: 1120, height: 1000 },
  ])("fits $width pixels and moves nothing while it loads", PATIENT, async (size) => {
    await page.setViewportSize(size);
    await page.addInitScript(OBSERVE_SHIFTS);
    await page.goto(address());
    await expect.poll(() => count().textContent(), { timeout: LOADING }).toMatch(/object/);
    await expect.poll(() => page.locator("#walk input").count(), { timeout: MINUTES }).toBe(6);
    expect(await shiftsOf(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(size.width);
  });
});

/** The members of DOM elements that these tests use; Node has no types of them. */
interface PixelSource {
  readonly width: number;
  toDataURL(): string;
  getContext(kind: "2d"): {
    getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
  };
}

/** An untrained model of other sizes, to check that the page depends on no particular size. */
async function exportTinyRgbModel(directory: string): Promise<void> {
  const config = parseAirConfig({
    imageSize: 64,
    channels: 3,
    objectSize: 18,
    maxSteps: 2,
    zWhatSize: 7,
    lstmSize: 8,
    predictorSize: 7,
    encoderSize: 9,
    decoderSize: 6,
  });
  await mkdir(join(directory, ".."), { recursive: true });
  await exportModel(directory, {
    name: "tiny-rgb",
    config,
    parameters: initialParameters(config, 0),
    training: { dataset: "multi-dsprites-64", seed: 0, steps: 0, commit: null },
    metrics: {},
  });
}
