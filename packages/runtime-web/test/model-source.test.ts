/** Tests how a page finds a model by its name, with a server for the page, a hub and a cache of the test's own. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { graphNames, ModelFileError, probeModel } from "@air-onnx/core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LoadMeter } from "../src/load-meter.js";
import type { ModelFilesOptions } from "../src/model-files.js";
import { clearCache, folderUrls, isCached, readModelFrom, type SourceOptions } from "../src/model-source.js";
import { MemoryCache } from "./memory-cache.js";

let server: Server;
let endpoint: string;
let cache: MemoryCache;
let notices: string[];
let isOffline = false;
/** By path. */
const files = new Map<string, Buffer>();
const requests: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url!);
    const body = files.get(request.url!);
    if (isOffline) response.destroy();
    else if (body) response.end(body);
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  cache = new MemoryCache();
  vi.stubGlobal("caches", { open: async () => cache });
  vi.stubGlobal("location", { href: `${endpoint}/page/index.html` });
  files.clear();
  requests.length = 0;
  notices = [];
  isOffline = false;
});
afterEach(() => vi.unstubAllGlobals());

/** Serves a model of the given name below a path. */
function serve(path: string, name: string): void {
  const graphs = Object.fromEntries(
    graphNames.map((graph) => {
      const bytes = Buffer.concat([probeModel, Buffer.from([0x1a, name.length]), Buffer.from(name)]);
      files.set(`${path}/onnx/${graph}.onnx`, bytes);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return [graph, { path: `onnx/${graph}.onnx`, size: bytes.length, sha256 }];
    }),
  );
  const manifest = {
    ...{ format: "air-onnx", formatVersion: 1, name, model: {}, normalisation: { scale: 255 }, opset: 17 },
    files: graphs,
    training: { dataset: "none", seed: 0, steps: 0, commit: null, exportedAt: "2026-01-01T00:00:00.000Z" },
    metrics: {},
  };
  files.set(`${path}/config.json`, Buffer.from(JSON.stringify(manifest)));
}

async function nameOf(location: string, options: SourceOptions = {}): Promise<string> {
  const reading: ModelFilesOptions = {
    ...{ verify: undefined, cache: true, stallSeconds: 30, signal: undefined, meter: new LoadMeter(undefined) },
    localFilesOnly: options.localFilesOnly ?? false,
    onNotice: (line) => void notices.push(line),
  };
  const urls = folderUrls(location, { endpoint, ...options });
  return (await readModelFrom(location, urls, reading)).manifest.name;
}

describe("a name", () => {
  it("is a folder of the page first, and then one on the hub, with a notice", async () => {
    serve("/org/digits/resolve/main", "of the hub");
    expect(await nameOf("org/digits")).toBe("of the hub");
    expect(requests.slice(0, 2)).toEqual(["/page/org/digits/config.json", "/org/digits/resolve/main/config.json"]);
    expect(notices).toEqual([
      `"org/digits" is no folder of this page: using the model at ${endpoint}/org/digits/resolve/main/`,
    ]);
    serve("/page/org/digits", "of the page");
    expect(await nameOf("org/digits")).toBe("of the page");
    expect(notices).toHaveLength(1);
  });

  it("with a revision is one on the hub alone", async () => {
    serve("/org/digits/resolve/v1.0", "the first");
    serve("/page/org/digits", "of the page");
    expect(await nameOf("org/digits", { revision: "v1.0" })).toBe("the first");
    expect(requests).not.toContain("/page/org/digits/config.json");
    expect(notices).toEqual([]);
    expect(() => folderUrls("digits", { revision: "v1.0" })).toThrow(/names have the form "org\/name"/);
  });

  it("with a scope is an npm package, in node_modules or where packages says", async () => {
    serve("/page/node_modules/@air-onnx/model-digits", "of node_modules");
    expect(await nameOf("@air-onnx/model-digits")).toBe("of node_modules");
    serve("/npm/@air-onnx/model-digits", "of a server");
    for (const packages of ["/npm", "/npm/", new URL("/npm/", endpoint)]) {
      expect(await nameOf("@air-onnx/model-digits", { packages })).toBe("of a server");
    }
  });

  it.each(["models/digits", "./org/digits", "/org/digits", "digits", "a/b/c", "https://example.org/a/b"])(
    "is none of a hub: %s",
    (location) => {
      expect(folderUrls(location, {})).toEqual([new URL(location, `${endpoint}/page/index.html`).href]);
    },
  );

  it("that is nowhere gives an error with each address that was tried", async () => {
    const failure = (await nameOf("org/nothing").catch((error: unknown) => error)) as ModelFileError;
    expect(failure).toBeInstanceOf(ModelFileError);
    expect(failure.tried.map(({ address }) => address)).toEqual([
      `${endpoint}/page/org/nothing`,
      `${endpoint}/org/nothing/resolve/main/`,
    ]);
    for (const { address } of failure.tried) expect(failure.message).toContain(address);
  });

  it("whose folder is there, but damaged, is not looked for elsewhere", async () => {
    serve("/page/org/digits", "of the page");
    serve("/org/digits/resolve/main", "of the hub");
    files.set("/page/org/digits/onnx/step.onnx", Buffer.from("x"));
    await expect(nameOf("org/digits")).rejects.toThrow(/page\/org\/digits\/onnx\/step\.onnx is truncated/);
  });
});

describe("the cache", () => {
  it("says what it has, and opens it without a network", async () => {
    serve("/org/digits/resolve/main", "of the hub");
    expect(await isCached("org/digits", { endpoint })).toBe(false);
    await nameOf("org/digits");
    expect(await isCached("org/digits", { endpoint })).toBe(true);
    expect(await isCached("org/digits", { endpoint, revision: "other" })).toBe(false);
    requests.length = 0;
    expect(await nameOf("org/digits", { localFilesOnly: true })).toBe("of the hub");
    expect(requests).toEqual([]);
    isOffline = true;
    expect(await nameOf("org/digits")).toBe("of the hub");
  });

  it("does not have a model of which a graph is gone", async () => {
    serve("/page/org/digits", "of the page");
    await nameOf("org/digits");
    const [graph] = [...cache.entries.keys()].filter((key) => key.includes("step.onnx"));
    cache.entries.delete(graph!);
    expect(await isCached("org/digits", { endpoint })).toBe(false);
    await expect(nameOf("org/digits", { localFilesOnly: true })).rejects.toThrow(
      /step\.onnx is not in the browser's cache, and localFilesOnly forbids downloads/,
    );
  });

  it("forgets one model, or all", async () => {
    serve("/org/digits/resolve/main", "of the hub");
    serve("/page/mine", "of the page");
    await nameOf("org/digits");
    await nameOf("mine");
    expect(await clearCache("org/digits", { endpoint })).toBe(true);
    expect(await clearCache("org/digits", { endpoint })).toBe(false);
    expect(await isCached("mine")).toBe(true);
    expect(cache.entries.size).toBe(4);
    expect(await clearCache()).toBe(true);
    expect(cache.entries.size).toBe(0);
    expect(await clearCache()).toBe(false);
  });

  it("may be none at all", async () => {
    vi.stubGlobal("caches", undefined);
    expect(await isCached("mine")).toBe(false);
    expect(await clearCache("mine")).toBe(false);
    expect(await clearCache()).toBe(false);
  });
});
