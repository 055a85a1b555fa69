/** Tests models in a real Chromium from servers that are malicious, that stall, or that are being updated. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { graphNames, type Manifest, parseAirConfig } from "@air-onnx/core";
import { exportModel } from "@air-onnx/export";
import { chromium } from "@air-onnx/test/requirements";
import { initialParameters } from "@air-onnx/train";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundlePage } from "./bundle.js";
import { launchChromium } from "./chromium.js";
import type * as InPage from "./page/main.js";
import { type Answer, StaticServer } from "./static-server.js";

const config = parseAirConfig({
  imageSize: 12,
  objectSize: 6,
  lstmSize: 8,
  zWhatSize: 5,
  predictorSize: 7,
  encoderSize: 9,
  decoderSize: 6,
});
const files = ["config.json", ...graphNames.map((name) => `onnx/${name}.onnx`)];

chromium.describe("a model that is not trusted", () => {
  let folder: string;
  let server: StaticServer;
  /** Another origin, from which nothing may be fetched. */
  let other: Server;
  let asked = 0;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "air-onnx-untrusted-"));
    const made = {
      config,
      training: { dataset: "multi-strokes", seed: 0, steps: 0, commit: null },
      metrics: {},
    } as const;
    [browser] = await Promise.all([
      launchChromium({ webgpu: false }),
      bundlePage(fileURLToPath(new URL("page", import.meta.url)), join(folder, "page")),
      exportModel(join(folder, "before"), { ...made, name: "before", parameters: initialParameters(config, 0) }),
      exportModel(join(folder, "after"), { ...made, name: "after", parameters: initialParameters(config, 1) }),
    ]);
    server = await StaticServer.start({ "/": join(folder, "page") });
    other = createServer((_, response) => {
      asked++;
      response.writeHead(200, { "access-control-allow-origin": "*" }).end("{}");
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    page = await browser.newPage();
    await page.goto(server.origin);
    await page.waitForFunction(() => "page" in globalThis);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    other?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Serves a version of the model under `path`, with other answers for some of its files. */
  async function serve(path: string, version: "before" | "after", change: Readonly<Record<string, Answer>> = {}) {
    for (const file of files) {
      const body = await readFile(join(folder, version, file));
      server.answer(`${path}/${file}`, change[file] ?? ((response) => response.writeHead(200).end(body)));
    }
    return path;
  }

  type Options = Parameters<typeof InPage.load>[1];
  /** Opens the model in the page and returns its notices; its error is thrown here. */
  async function load(path: string, options: Partial<Options> = {}): Promise<string[]> {
    const outcome = await page.evaluate(
      async ([path, options]) => {
        const { page } = globalThis as unknown as { page: typeof InPage };
        try {
          const { notices } = await page.load(path, options);
          await page.dispose();
          return { notices };
        } catch (error) {
          const { name, message } = error as Error;
          return { error: { name, message } };
        }
      },
      [path, { device: "wasm", worker: false, ...options }] as const,
    );
    if (outcome.error) throw Object.assign(new Error(outcome.error.message), { name: outcome.error.name });
    return outcome.notices;
  }

  const expectFault = (path: string, message: RegExp, name = "ModelFileError", options: Partial<Options> = {}) =>
    expect(load(path, options)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });

  const manifestWith = async (change: (manifest: Manifest) => unknown): Promise<Answer> => {
    const manifest = JSON.parse(await readFile(join(folder, "before", "config.json"), "utf8")) as Manifest;
    const body = JSON.stringify(change(manifest));
    return (response) => response.writeHead(200).end(body);
  };

  it("fetches nothing from outside of its folder", async () => {
    const { port } = other.address() as AddressInfo;
    const paths = [
      "http://127.0.0.1:PORT/x",
      "//127.0.0.1:PORT/x",
      " //127.0.0.1:PORT/x",
      "%2e%2e/up",
      ".\t./up",
      "..\\up",
    ];
    for (const path of paths.map((each) => each.replace("PORT", String(port)))) {
      const answer = await manifestWith((each) => ({
        ...each,
        files: { ...each.files, step: { ...each.files.step, path } },
      }));
      await serve("/outside", "before", { "config.json": answer });
      server.requests.length = 0;
      await expectFault("/outside", /files\.step\.path/, "ConfigError");
      const models = server.requests.filter((each) => !each.startsWith("/assets/"));
      expect(models).toEqual(["/outside/config.json"]);
    }
    expect(asked).toBe(0);
  });

  it("allocates no memory for the sizes that its manifest claims", async () => {
    const answer = await manifestWith((each) => ({ ...each, model: { ...each.model, maxSteps: 1e9 } }));
    await serve("/huge", "before", { "config.json": answer });
    await expectFault("/huge", /model\.maxSteps/, "ConfigError");
  });

  describe.each(["config.json", "onnx/step.onnx"])("%s", (file) => {
    it.each([false, true])("that never ends is refused, packed: %s", async (packed) => {
      let left = false;
      await serve("/endless", "before", {
        [file]: (response) => {
          response.writeHead(200, packed ? { "content-encoding": "gzip" } : {});
          const gzip = createGzip({ level: 1 });
          const to = packed ? gzip : response;
          if (packed) gzip.pipe(response);
          const write = (): void => {
            while (!left && to.write(Buffer.alloc(2 ** 16, " ")));
          };
          to.on("drain", write);
          response.on("close", () => {
            left = true;
          });
          write();
        },
      });
      await expectFault("/endless", new RegExp(`${file} is too long`));
      await expect.poll(() => left).toBe(true);
    });

    it("that stalls fails", async () => {
      await serve("/stalls", "before", { [file]: (response) => response.writeHead(200).write(Buffer.of(0x7b)) });
      await expectFault("/stalls", /stopped coming after 1 .*bytes: no byte came for 0\.3 seconds/, "ModelFileError", {
        stallSeconds: 0.3,
      });
    });

    it.each([204, 205, 206])("that is answered with status %i is named", async (status) => {
      await serve("/no-file", "before", { [file]: (response) => response.writeHead(status).end() });
      await expectFault("/no-file", new RegExp(`${file} cannot be fetched: the answer was ${status}`));
    });
  });

  it("stays usable without a network after a half uploaded update", async () => {
    const path = await serve("/update", "before");
    await load(path, { cache: true });
    const offline = async (): Promise<string> => {
      await page.context().setOffline(true);
      try {
        expect(await load(path)).toEqual([expect.stringContaining("as it was downloaded before")]);
        return await page.evaluate(async () => {
          const cache = await caches.open("air-onnx-models");
          const [manifest] = await cache.keys(`${location.origin}/update/config.json`);
          return ((await (await cache.match(manifest!))!.json()) as Manifest).name;
        });
      } finally {
        await page.context().setOffline(false);
      }
    };
    await serve(path, "after", { "onnx/step.onnx": (response) => response.writeHead(404).end() });
    await expectFault(path, /step\.onnx cannot be fetched: .* 404/);
    expect(await offline()).toBe("before");
    const old = await readFile(join(folder, "before", "onnx/decoder.onnx"));
    await serve(path, "after", { "onnx/decoder.onnx": (response) => response.writeHead(200).end(old) });
    await expectFault(path, /decoder\.onnx is (damaged|truncated|too long)/);
    expect(await offline()).toBe("before");
    await serve(path, "after");
    await load(path);
    expect(await offline()).toBe("after");
    const kept = await page.evaluate(async () => {
      const cache = await caches.open("air-onnx-models");
      return (await cache.keys()).map(({ url }) => new URL(url)).filter((url) => url.pathname.startsWith("/update/"));
    });
    expect(kept).toHaveLength(files.length);
  });

  it("whose weights are in another file is refused", async () => {
    // An ONNX model with one initializer whose data_location is EXTERNAL.
    const evil = Buffer.from([8, 8, 0x3a, 4, 0x2a, 2, 0x70, 1]);
    const sha256 = createHash("sha256").update(evil).digest("hex");
    const answer = await manifestWith((each) => ({
      ...each,
      files: { ...each.files, step: { ...each.files.step, size: evil.length, sha256 } },
    }));
    await serve("/external", "before", {
      "config.json": answer,
      "onnx/step.onnx": (response) => response.writeHead(200).end(evil),
    });
    await expectFault("/external", /step\.onnx keeps the values of a tensor in another file/);
  });
});
