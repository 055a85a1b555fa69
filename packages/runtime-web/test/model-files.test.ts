/** Tests downloads from servers that are malicious, are being updated, or stall, with a server and a cache of the test's own. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createGzip } from "node:zlib";
import { ConfigError, graphNames, ModelFileError, probeModel, requireStallSeconds } from "@air-onnx/core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LoadMeter } from "../src/load-meter.js";
import { type ModelFiles, type ModelFilesOptions, readModelFiles } from "../src/model-files.js";
import { MemoryCache } from "./memory-cache.js";

type Answer = (response: ServerResponse) => unknown;

let server: Server;
let origin: string;
let cache: MemoryCache;
/** By path. */
const answers = new Map<string, Answer>();
const requests: string[] = [];
let offline = false;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url!);
    const answer = offline ? undefined : answers.get(request.url!);
    if (offline) response.destroy();
    else if (answer) answer(response);
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  cache = new MemoryCache();
  vi.stubGlobal("caches", { open: async () => cache });
  answers.clear();
  requests.length = 0;
  offline = false;
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A graph of the given version: its bytes differ between versions, the model does not. */
const graphOf = (version: string): Buffer =>
  Buffer.concat([probeModel, Buffer.from([0x1a, version.length]), Buffer.from(version)]);

interface Version {
  readonly manifest: string;
  /** By path. */
  readonly graphs: Readonly<Record<string, Buffer>>;
}

function version(
  name: string,
  change: { [key: string]: unknown } = {},
  path = (graph: string) => `onnx/${graph}.onnx`,
): Version {
  const graphs = Object.fromEntries(graphNames.map((graph) => [path(graph), graphOf(`${graph} ${name}`)]));
  const files = Object.fromEntries(
    graphNames.map((graph) => {
      const bytes = graphs[path(graph)]!;
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return [graph, { path: path(graph), size: bytes.length, sha256 }];
    }),
  );
  const manifest = {
    ...{ format: "air-onnx", formatVersion: 1, name, model: {}, normalisation: { scale: 255 }, opset: 17, files },
    training: { dataset: "none", seed: 0, steps: 0, commit: null, exportedAt: "2026-01-01T00:00:00.000Z" },
    metrics: {},
    ...change,
  };
  return { manifest: JSON.stringify(manifest), graphs };
}

/** Serves files under /model/; `undefined` switches the server off. */
function serve(files: Readonly<Record<string, Buffer | string | undefined>>): void {
  for (const [path, body] of Object.entries(files)) {
    if (body === undefined) answers.delete(`/model/${path}`);
    else answers.set(`/model/${path}`, (response) => response.writeHead(200).end(body));
  }
}
const serveVersion = ({ manifest, graphs }: Version): void => serve({ "config.json": manifest, ...graphs });

let notices: string[] = [];
async function load(options: Partial<ModelFilesOptions> = {}, folder = `${origin}/model`): Promise<ModelFiles> {
  notices = [];
  return readModelFiles(folder, {
    ...{
      verify: undefined,
      cache: true,
      localFilesOnly: false,
      stallSeconds: 30,
      signal: undefined,
      meter: new LoadMeter(undefined),
    },
    onNotice: (line) => void notices.push(line),
    ...options,
  });
}
const nameOf = async (options?: Partial<ModelFilesOptions>): Promise<string> => {
  const { manifest, graphs } = await load(options);
  for (const name of graphNames) expect(Buffer.from(graphs[name])).toEqual(graphOf(`${name} ${manifest.name}`));
  return manifest.name;
};

async function expectFault(message: RegExp, options?: Partial<ModelFilesOptions>): Promise<void> {
  const failure = await load(options).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ModelFileError);
  expect((failure as Error).name).toBe("ModelFileError");
  expect((failure as Error).message).toMatch(message);
}

describe("a folder's address", () => {
  it.each(["", "/", "#part", "/#part", "/?v=3", "?v=3"])("may end in %j", async (end) => {
    serveVersion(version("a"));
    expect((await load({}, `${origin}/model${end}`)).manifest.name).toBe("a");
    expect(requests).toContain("/model/onnx/step.onnx");
  });

  it("must be a URL that can contain files", async () => {
    await expect(load({}, "data:application/json,{}")).rejects.toThrow(ModelFileError);
  });

  it.each([
    "http://other/x.onnx",
    "//other/x.onnx",
    " //other/x",
    "%2e%2e/up.onnx",
    ".\t./up.onnx",
    "..\\up.onnx",
    "/up.onnx",
  ])("is not left by a manifest's path %j", async (path) => {
    const { files } = JSON.parse(version("a").manifest) as { files: { step: object } };
    serveVersion(version("a", { files: { ...files, step: { ...files.step, path } } }));
    await expect(load()).rejects.toThrow(ConfigError);
    expect(requests).toEqual(["/model/config.json"]);
  });
});

describe("an answer that is not a file", () => {
  it.each([204, 205, 206, 201, 404, 410, 500, 503])("of status %i is named in the error", async (status) => {
    serveVersion(version("a"));
    for (const path of ["config.json", "onnx/step.onnx"]) {
      const before = answers.get(`/model/${path}`)!;
      answers.set(`/model/${path}`, (response) => response.writeHead(status).end());
      await expectFault(new RegExp(`${path} cannot be fetched: the answer was ${status}`));
      answers.set(`/model/${path}`, before);
    }
  });

  it("that is opaque, as a service worker's may be, is named in the error", async () => {
    vi.stubGlobal("fetch", async () => ({ status: 0, statusText: "", type: "opaque", ok: false, body: null }));
    await expectFault(/the answer cannot be read \(it is opaque\)/);
    vi.stubGlobal("fetch", async () => new Response(null, { status: 200 }));
    await expectFault(/the answer was 200, not a file/);
  });
});

describe("an endless body", () => {
  /** Writes for ever; tells whether the reader has gone. */
  const endless = (response: ServerResponse, to: NodeJS.WritableStream = response): Promise<unknown> => {
    const piece = Buffer.alloc(2 ** 16, " ");
    const write = (): void => {
      while (!response.destroyed && to.write(piece));
    };
    to.on("drain", write);
    to.on("error", () => {});
    write();
    return once(response, "close");
  };

  it.each([
    ["config.json", false],
    ["config.json", true],
    ["onnx/step.onnx", false],
    ["onnx/step.onnx", true],
  ])("as %s, packed: %s, is refused at its limit and left", async (path, packed) => {
    serveVersion(version("a"));
    let left: Promise<unknown> | undefined;
    answers.set(`/model/${path}`, (response) => {
      if (!packed) {
        response.writeHead(200);
        left = endless(response);
        return;
      }
      response.writeHead(200, { "content-encoding": "gzip" });
      const gzip = createGzip({ level: 1 });
      gzip.pipe(response);
      left = endless(response, gzip);
    });
    await expectFault(new RegExp(`${path} is too long`));
    await left;
  });
});

describe("a download that stalls", () => {
  /** A body whose bytes the test sends; the clock is faked. */
  function controlled(): { send: (bytes: Uint8Array) => void; end: () => void; aborted: () => boolean } {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let controller: ReadableStreamDefaultController<Uint8Array>;
    let wasAborted = false;
    const stream = new ReadableStream<Uint8Array>({
      start: (each) => {
        controller = each;
      },
    });
    vi.stubGlobal("fetch", async (_: string, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener("abort", () => {
        wasAborted = true;
        controller.error(signal.reason);
      });
      return new Response(stream);
    });
    return {
      send: (bytes) => controller.enqueue(bytes),
      end: () => controller.close(),
      aborted: () => wasAborted,
    };
  }

  it("fails after stallSeconds without a byte, and not before", async () => {
    const { send, aborted } = controlled();
    const outcome = load({ stallSeconds: 5 }).catch((error: unknown) => error as Error);
    for (const byte of Buffer.from("{  ")) {
      await vi.advanceTimersByTimeAsync(4900);
      send(Uint8Array.of(byte));
    }
    // An empty piece does not count as a byte.
    for (let i = 0; i < 5; i++) {
      send(new Uint8Array(0));
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(aborted()).toBe(true);
    const failure = await outcome;
    expect(failure).toBeInstanceOf(ModelFileError);
    expect((failure as Error).message).toMatch(/config\.json stopped coming after 3 bytes: no byte came for 5 seconds/);
  });

  it("may take for ever with stallSeconds: Infinity", async () => {
    const { send, end, aborted } = controlled();
    const outcome = load({ stallSeconds: Number.POSITIVE_INFINITY }).catch((error: unknown) => error as Error);
    await vi.advanceTimersByTimeAsync(1e9);
    expect(aborted()).toBe(false);
    send(Buffer.from("no JSON"));
    end();
    expect(await outcome).toBeInstanceOf(ConfigError);
  });

  it("fails where no answer comes at all, for a manifest and for a graph", async () => {
    serveVersion(version("a"));
    for (const path of ["onnx/step.onnx", "config.json"]) {
      answers.set(`/model/${path}`, () => {});
      await expectFault(new RegExp(`${path} does not answer: no byte came for 0\\.2 seconds`), { stallSeconds: 0.2 });
    }
  });

  it("falls back to the kept model, as without a network", async () => {
    serveVersion(version("a"));
    await load();
    for (const silent of [() => {}, (response: ServerResponse) => response.writeHead(200).write("{")] as Answer[]) {
      answers.set("/model/config.json", silent);
      expect(await nameOf({ stallSeconds: 0.2 })).toBe("a");
      expect(notices).toEqual([expect.stringContaining("as it was downloaded before")]);
    }
  });

  it("accepts only seconds above 0", () => {
    expect(requireStallSeconds({})).toBe(30);
    for (const stallSeconds of [0, -1, Number.NaN, "5" as unknown as number]) {
      expect(() => requireStallSeconds({ stallSeconds })).toThrow(RangeError);
    }
  });
});

it("rejects with the signal's reason when aborted, whatever it waits for", async () => {
  for (const path of ["config.json", "onnx/step.onnx"]) {
    serveVersion(version("a"));
    const controller = new AbortController();
    const reason = new Error("enough");
    answers.set(`/model/${path}`, (response) => {
      response.writeHead(200).write(Buffer.from([8]), () => controller.abort(reason));
    });
    await expect(load({ signal: controller.signal })).rejects.toBe(reason);
  }
});

it("refuses a graph whose weights are in another file, and keeps nothing of it", async () => {
  const { manifest, graphs } = version("a");
  // An initializer whose data_location is EXTERNAL, in a graph.
  const evil = Buffer.from([8, 8, 0x3a, 4, 0x2a, 2, 0x70, 1]);
  const files = JSON.parse(manifest).files as Record<string, object>;
  const step = { ...files.step, size: evil.length, sha256: createHash("sha256").update(evil).digest("hex") };
  serveVersion(version("a", { files: { ...files, step } }));
  serve({ ...graphs, "onnx/step.onnx": evil });
  for (const verify of [undefined, false])
    await expectFault(/step\.onnx keeps the values of a tensor in another file/, { verify });
  expect([...cache.entries]).toEqual([]);
});

describe("an update", () => {
  const [before, after] = [version("before"), version("after")];

  async function expectKept(name: string): Promise<void> {
    offline = true;
    expect(await nameOf()).toBe(name);
    expect(notices).toEqual([expect.stringContaining("as it was downloaded before")]);
    offline = false;
  }

  it("replaces the kept version, of which nothing stays", async () => {
    serveVersion(before);
    expect(await nameOf()).toBe("before");
    expect(cache.entries.size).toBe(4);
    await expectKept("before");
    serveVersion(after);
    expect(await nameOf()).toBe("after");
    await expectKept("after");
    expect(cache.entries.size).toBe(4);
    const moved = version("moved", {}, (graph) => `moved/${graph}.onnx`);
    serveVersion(moved);
    expect(await nameOf()).toBe("moved");
    await expectKept("moved");
    expect(cache.entries.size).toBe(4);
  });

  const step = "onnx/step.onnx";
  const halves: Readonly<Record<string, Readonly<Record<string, Buffer | string | undefined>>>> = {
    "the manifest alone": { "config.json": after.manifest },
    "all but one graph": { "config.json": after.manifest, ...after.graphs, [step]: before.graphs[step] },
    "all but one graph, whose old file is gone": { "config.json": after.manifest, ...after.graphs, [step]: undefined },
    "a graph that is cut off": {
      "config.json": after.manifest,
      ...after.graphs,
      [step]: after.graphs[step]!.subarray(0, 9),
    },
    "a manifest that is cut off": { ...after.graphs, "config.json": after.manifest.slice(0, 99) },
    "a web page for a graph": { "config.json": after.manifest, ...after.graphs, [step]: "<!doctype html>" },
  };
  it.each(Object.keys(halves))("that is half uploaded (%s) leaves the version before as it was", async (half) => {
    serveVersion(before);
    await load();
    const kept = new Map(cache.entries);
    serve(halves[half]!);
    await expect(load()).rejects.toThrow(/\/model\/(config\.json|onnx\/\w+\.onnx) /);
    await expect(load({ cache: "required" })).rejects.toThrow();
    expect(cache.entries).toEqual(kept);
    await expectKept("before");
    serveVersion(after);
    expect(await nameOf()).toBe("after");
    await expectKept("after");
  });

  it("whose manifest is still the old one is not used yet: the version before is complete", async () => {
    serveVersion(before);
    await load();
    serve(after.graphs);
    requests.length = 0;
    expect(await nameOf()).toBe("before");
    expect(requests).toEqual(["/model/config.json"]);
    await expectKept("before");
  });

  it("for which there is no room, at whichever file, leaves the version before as it was", async () => {
    for (let room = 0; room < 4; room++) {
      cache = new MemoryCache();
      serveVersion(before);
      await load();
      const kept = new Map(cache.entries);
      serveVersion(after);
      cache.room = room;
      expect(await nameOf()).toBe("after");
      expect(notices).toEqual([expect.stringMatching(/config\.json cannot be kept for the next visit: .*full/)]);
      cache.room = room;
      await expect(load({ cache: "required" })).rejects.toThrow(/cannot be kept/);
      expect(cache.entries).toEqual(kept);
      await expectKept("before");
    }
  });

  it("that does not match its manifest is not kept, even with verify: false", async () => {
    serveVersion(before);
    await load();
    serve({ "config.json": after.manifest, ...after.graphs, [step]: graphOf("other") });
    const { graphs } = await load({ verify: false });
    expect(Buffer.from(graphs.step)).toEqual(graphOf("other"));
    expect(notices).toEqual([
      expect.stringMatching(/cannot be kept for the next visit: .*step\.onnx is (truncated|too|damaged)/),
    ]);
    await expect(load({ verify: false, cache: "required" })).rejects.toThrow(/cannot be kept/);
    await expectKept("before");
  });

  it("downloads a damaged kept file again and replaces it", async () => {
    serveVersion(before);
    await load();
    const [key, bytes] = [...cache.entries].find(([each]) => each.includes("step.onnx"))!;
    cache.entries.set(key, bytes.slice(1));
    expect(await nameOf()).toBe("before");
    expect(cache.entries.get(key)).toEqual(bytes);
  });
});
