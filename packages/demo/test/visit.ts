/** Builds the page and visits it in a real Chromium, served from a sub-path as by any static host. */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import type { Browser, BrowserContext, BrowserContextOptions, Download, Page } from "playwright-core";
import { StaticServer } from "../../../test/browser/static-server.js";

const run = promisify(execFile);
export const root = fileURLToPath(new URL("../../..", import.meta.url));
/** Path of the page on its host, as that of a project page. */
export const PATH = "/some/where/";

/**
 * Builds the page.
 *
 * @param models folder of the models that it offers
 * @param steps steps of the training in it; by default as many as a visitor gets
 */
export async function buildSite(outDir: string, models: string, steps?: number): Promise<void> {
  const vite = join(root, "node_modules/vite/bin/vite.js");
  await run(process.execPath, [vite, "build", "--outDir", outDir, "--logLevel", "warn"], {
    cwd: join(root, "packages/demo"),
    env: {
      ...process.env,
      // Vitest's own would build what is for developers.
      NODE_ENV: "production",
      AIR_ONNX_MODELS: models,
      ...(steps !== undefined && { AIR_ONNX_DEMO_STEPS: String(steps) }),
    },
  });
}

/** A browser that has never been at the site before. */
export class Visit {
  readonly server: StaticServer;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors of the page, and requests to other places: nothing should be in it. */
  readonly faults: readonly string[];
  /** Address of the site, also after the server has stopped. */
  readonly address: string;

  private constructor(server: StaticServer, context: BrowserContext, page: Page, faults: readonly string[]) {
    this.server = server;
    this.context = context;
    this.page = page;
    this.faults = faults;
    this.address = server.origin + PATH;
  }

  /**
   * @param site folder of the built page
   * @param beside further folders by their paths at the server
   */
  static async start(
    browser: Browser,
    site: string,
    options: BrowserContextOptions = {},
    beside: Readonly<Record<string, string>> = {},
  ): Promise<Visit> {
    const server = await StaticServer.start({ [PATH]: site, ...beside });
    const context = await browser.newContext(options);
    const faults: string[] = [];
    context.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    context.on("weberror", (error) => faults.push(error.error().message));
    const { origin } = server;
    context.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(origin) && !url.startsWith("blob:")) faults.push(`a request to ${url}`);
    });
    return new Visit(server, context, await context.newPage(), faults);
  }

  /** Text of the element with this id. */
  text(id: string): Promise<string | null> {
    return this.page.locator(`#${id}`).textContent();
  }

  async end(): Promise<void> {
    await this.context.close();
    await this.server.stop();
  }
}

/** Unpacks a model that was downloaded, and returns its folder. */
export async function unpackModel(download: Download, folder: string): Promise<string> {
  for (const [path, bytes] of Object.entries(unzipSync(await readFile(await download.path())))) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return join(folder, download.suggestedFilename().replace(/\.zip$/, ""));
}

/** Keeps what the training worker says of its steps in `messages` of the page. */
export const RECORD_MESSAGES = `
  globalThis.messages = [];
  const Original = Worker;
  globalThis.Worker = class extends Original {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        const { progress, point, explained } = data;
        if (progress || point || explained) globalThis.messages.push({ progress, point, explained: Boolean(explained) });
      });
    }
  };
`;

/** What is kept of a worker's message. */
interface Message {
  readonly progress?: { readonly step: number; readonly losses: readonly number[] };
  readonly point?: { readonly step: number; readonly seconds: number; readonly accuracy?: number };
  /** Whether it has pictures. */
  readonly explained: boolean;
}

/** What the training worker has said since the page was loaded; the page needs {@link RECORD_MESSAGES}. */
export function messagesOf(page: Page): Promise<Message[]> {
  return page.evaluate(() => (globalThis as unknown as { messages: Message[] }).messages);
}

/** Losses of all steps since the page was loaded. */
export async function lossesOf(page: Page): Promise<number[]> {
  return (await messagesOf(page)).flatMap(({ progress }) => progress?.losses ?? []);
}

/** Records layout shifts without user input in `shifts`, by the Layout Instability API. */
export const OBSERVE_SHIFTS = `
  globalThis.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      const moved = sources.map(({ node, previousRect, currentRect }) =>
        (node?.id || node?.nodeName) + ": " + previousRect.y + " → " + currentRect.y);
      if (!hadRecentInput) shifts.push({ value, moved });
    }
  }).observe({ type: "layout-shift", buffered: true });
`;

/**
 * Layout shifts that a visitor sees; the page needs {@link OBSERVE_SHIFTS}. The Web Vitals call shifts up to 0.1 good. Here only words move
 * that change within their line.
 */
export async function shiftsOf(page: Page): Promise<unknown[]> {
  const shifts = (await page.evaluate("shifts")) as { value: number; moved: string[] }[];
  return shifts.filter(({ value }) => value > 0.005);
}
