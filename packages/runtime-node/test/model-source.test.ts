/** Tests how a model is found by its name, and kept, with a hub of the test's own and a cache in a folder of its own. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ConfigError, ModelFileError } from "@air-onnx/core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { AirModel, clearCache, isCached, ModelNotKeptError, modelFolder } from "../src/index.js";
import { tinyImages, writeTinyModel } from "./tiny-model.js";

type Answer = (response: ServerResponse) => unknown;

const GRAPHS = ["onnx/encoder.onnx", "onnx/step.onnx", "onnx/decoder.onnx"];
const FILES = [...GRAPHS, "config.json"];
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

let server: Server;
let endpoint: string;
/** The files of a model. */
let model: string;
let scratch: string;
let cacheDir: string;
let isOffline = false;
/** By path. */
const answers = new Map<string, Answer>();
const requests: string[] = [];

beforeAll(async () => {
  model = await writeTinyModel();
  server = createServer((request, response) => {
    requests.push(request.url!);
    const answer = isOffline ? undefined : answers.get(request.url!);
    if (isOffline) response.destroy();
    else if (answer) answer(response);
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(model, { recursive: true, force: true });
});
beforeEach(async () => {
  answers.clear();
  requests.length = 0;
  isOffline = false;
  scratch = await mkdtemp(join(tmpdir(), "air-onnx-source-"));
  cacheDir = join(scratch, "cache");
  vi.stubEnv("HF_ENDPOINT", endpoint);
  vi.stubEnv("AIR_ONNX_CACHE", cacheDir);
  await serve("/org/digits/resolve/main");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(scratch, { recursive: true, force: true });
});

/** Serves the model, or another one, below a path. */
async function serve(path: string, folder = model): Promise<void> {
  for (const file of FILES) {
    const bytes = await readFile(join(folder, file));
    answers.set(`${path}/${file}`, (response) => response.writeHead(200).end(bytes));
  }
}

/** A copy of the model whose config.json, and if wanted its step graph, is another. */
async function otherVersion(name: string, changesStep: boolean): Promise<string> {
  const folder = join(scratch, `version-${name}`);
  await cp(model, folder, { recursive: true });
  const manifest = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as {
    name: string;
    files: Record<string, { path: string; size: number; sha256: string }>;
  };
  manifest.name = name;
  if (changesStep) {
    const path = join(folder, "onnx/step.onnx");
    // A doc_string, which changes the bytes and nothing else.
    const bytes = Buffer.concat([await readFile(path), Buffer.from([0x32, 1, 0x78])]);
    await writeFile(path, bytes);
    manifest.files.step = {
      path: "onnx/step.onnx",
      size: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    };
  }
  await writeFile(join(folder, "config.json"), JSON.stringify(manifest));
  return folder;
}

const keptFiles = async (): Promise<string[]> =>
  (await readdir(cacheDir, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(cacheDir.length + 1))
    .toSorted();

async function nameOf(location: string, options: Parameters<typeof AirModel.fromPretrained>[1] = {}): Promise<string> {
  await using opened = await AirModel.fromPretrained(location, { threads: 1, ...options });
  expect(await opened.infer(tinyImages(1))).toHaveLength(1);
  return opened.manifest.name;
}

async function failureOf(loading: Promise<unknown>): Promise<Error> {
  const failure = await loading.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Error);
  return failure as Error;
}

describe("a name on a hub", () => {
  it("is downloaded once, from the addresses of the hub", async () => {
    const progress: number[] = [];
    let total = 0;
    const onProgress = ({ loadedBytes, totalBytes }: { loadedBytes: number; totalBytes: number }): void => {
      progress.push(loadedBytes);
      total = totalBytes;
    };
    expect(await isCached("org/digits")).toBe(false);
    expect(await nameOf("org/digits", { onProgress })).toBe("tiny");
    expect(requests.toSorted()).toEqual(FILES.map((file) => `/org/digits/resolve/main/${file}`).toSorted());
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(total);
    expect(await isCached("org/digits")).toBe(true);

    requests.length = 0;
    expect(await nameOf("org/digits")).toBe("tiny");
    expect(requests).toEqual(["/org/digits/resolve/main/config.json"]);
  });

  it("gives a model folder like any other, without what is half-written", async () => {
    const folder = await modelFolder("org/digits");
    for (const file of FILES) expect(await readFile(join(folder, file))).toEqual(await readFile(join(model, file)));
    const names = (await keptFiles()).map((path) =>
      path
        .split("/")
        .slice(2)
        .join("/")
        .replace(/^\w{32}\//, ""),
    );
    expect(names.toSorted()).toEqual([...FILES, "current"].toSorted());
    expect(await nameOf(folder)).toBe("tiny");
  });

  it("has revisions, with slashes too; a commit is not asked for again", async () => {
    await serve("/org/digits/resolve/refs%2Fpr%2F1", await otherVersion("first", false));
    await serve(`/org/digits/resolve/${COMMIT}`, await otherVersion("second", true));
    expect(await nameOf("org/digits", { revision: "refs/pr/1" })).toBe("first");
    expect(await nameOf("org/digits", { revision: COMMIT })).toBe("second");
    expect(await nameOf("org/digits")).toBe("tiny");
    requests.length = 0;
    expect(await nameOf("org/digits", { revision: COMMIT })).toBe("second");
    expect(requests).toEqual([]);
  });

  it("is taken from another endpoint by option", async () => {
    vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9");
    expect(await nameOf("org/digits", { endpoint: `${endpoint}/` })).toBe("tiny");
  });

  it("gives way to a folder of that name, unless a revision is named", async () => {
    await cp(await otherVersion("local", false), join(scratch, "org/digits"), { recursive: true });
    vi.spyOn(process, "cwd").mockReturnValue(scratch);
    expect(await nameOf("org/digits")).toBe("local");
    expect(await isCached("org/digits")).toBe(true);
    expect(requests).toEqual([]);
    expect(await nameOf("org/digits", { revision: "main" })).toBe("tiny");
  });

  it("works without a network once it is kept, and says so", async () => {
    await nameOf("org/digits");
    isOffline = true;
    const notices: string[] = [];
    expect(await nameOf("org/digits", { onNotice: (line) => void notices.push(line) })).toBe("tiny");
    expect(notices).toEqual([expect.stringMatching(/config\.json cannot be reached: using the model as it was/)]);
    expect(await nameOf("org/digits", { localFilesOnly: true, onNotice: (line) => void notices.push(line) })).toBe(
      "tiny",
    );
    expect(notices).toHaveLength(1);
  });

  it("asks nothing with localFilesOnly", async () => {
    const failure = await failureOf(modelFolder("org/digits", { localFilesOnly: true }));
    expect(failure.message).toMatch(/is not in the cache \(.*\), and localFilesOnly forbids downloads/);
    expect(requests).toEqual([]);
  });

  it("takes over graphs that a new version has not changed", async () => {
    await nameOf("org/digits");
    requests.length = 0;
    await serve("/org/digits/resolve/main", await otherVersion("new", true));
    expect(await nameOf("org/digits")).toBe("new");
    expect(requests.map((path) => path.split("/main/")[1])).toEqual(["config.json", "onnx/step.onnx"]);
  });

  it("downloads again what was damaged on disk", async () => {
    const folder = await modelFolder("org/digits");
    await truncate(join(folder, "onnx/step.onnx"), 50);
    expect(await isCached("org/digits")).toBe(false);
    const bytes = await readFile(join(folder, "onnx/encoder.onnx"));
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(join(folder, "onnx/encoder.onnx"), bytes);
    expect(await nameOf("org/digits")).toBe("tiny");
    expect(await isCached("org/digits")).toBe(true);
  });
});

describe("an error", () => {
  it("lists every address that was tried", async () => {
    const failure = await failureOf(AirModel.fromPretrained("org/nothing"));
    expect(failure).toBeInstanceOf(ModelFileError);
    expect((failure as ModelFileError).tried.map(({ address }) => address)).toEqual([
      join(process.cwd(), "org/nothing"),
      `${endpoint}/org/nothing/resolve/main/`,
    ]);
    for (const { address } of (failure as ModelFileError).tried) expect(failure.message).toContain(address);
    expect(failure.message).toContain("the answer was 404");

    const missing = await failureOf(AirModel.fromPretrained("@air-onnx/model-of-nothing"));
    expect(missing.message).toMatch(
      /No model "@air-onnx\/model-of-nothing" was found\. What was tried:\n {2}.*model-of-nothing is no folder\n {2}npm package @air-onnx\/model-of-nothing is not installed, or has no config\.json$/,
    );
    expect(requests).toEqual(["/org/nothing/resolve/main/config.json"]);
  });

  it.each(["models/nothing", "./org/nothing", "org/deep/nothing", "../org", "/tmp/nowhere-at-all"])(
    "about the folder %s asks no hub",
    async (location) => {
      const failure = await failureOf(AirModel.fromPretrained(location));
      expect(failure.message).toContain("config.json is missing");
      expect(requests).toEqual([]);
    },
  );

  it.each([
    [{ revision: ".." }, /revision must be/],
    [{ revision: "" }, /revision must be/],
    [{ revision: "a b" }, /revision must be/],
    [{ endpoint: "file:///tmp" }, /endpoint must be/],
    [{ endpoint: "hub" }, /endpoint must be/],
    [{ stallSeconds: 0 }, /stallSeconds must be/],
  ])("says that %j is no option", async (options, message) => {
    const failure = await failureOf(modelFolder("org/digits", options));
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure.message).toMatch(message);
    expect(requests).toEqual([]);
  });

  it("says that a revision is of names on a hub alone", async () => {
    for (const location of ["./models", endpoint, "@air-onnx/model-x"]) {
      expect((await failureOf(modelFolder(location, { revision: "main" }))).message).toMatch(
        /names have the form "org\/name"/,
      );
    }
  });

  it("names the URL of a graph that is not the one of the manifest, and nothing of it is kept as a model", async () => {
    const path = "/org/digits/resolve/main/onnx/step.onnx";
    const real = answers.get(path)!;
    const faults: readonly (readonly [Answer, RegExp])[] = [
      [(response) => response.writeHead(200).end("x"), /step\.onnx is truncated: it has 1 bytes/],
      [(response) => response.writeHead(200).end(Buffer.alloc(1 << 20)), /step\.onnx is too long/],
      [(response) => response.writeHead(200).end("<!doctype html>"), /step\.onnx is a web page/],
      [(response) => response.writeHead(503).end(), /step\.onnx cannot be fetched: the answer was 503/],
      [(response) => response.writeHead(200, { "content-length": 9 }).end("x".repeat(9)).destroy(), /step\.onnx/],
    ];
    for (const [answer, message] of faults) {
      answers.set(path, answer);
      const failure = await failureOf(modelFolder("org/digits"));
      expect(failure).toBeInstanceOf(ModelFileError);
      expect(failure.message).toMatch(message);
      expect(await isCached("org/digits")).toBe(false);
      expect((await keptFiles()).filter((file) => /config\.json|current|partial/.test(file))).toEqual([]);
    }
    answers.set(path, real);
    requests.length = 0;
    expect(await nameOf("org/digits")).toBe("tiny");
    // The graphs that came whole before are not downloaded again.
    expect(requests).not.toContain("/org/digits/resolve/main/onnx/encoder.onnx");
  });

  it("names a manifest that is endless or no JSON", async () => {
    const path = "/org/digits/resolve/main/config.json";
    answers.set(path, (response) => response.writeHead(200).end(Buffer.alloc(1 << 21, " ")));
    expect((await failureOf(modelFolder("org/digits"))).message).toMatch(/config\.json is too long/);
    answers.set(path, (response) => response.writeHead(200).end("{"));
    expect(await failureOf(modelFolder("org/digits"))).toBeInstanceOf(ConfigError);
  });

  it("comes after stallSeconds without a byte, and at once when aborted", async () => {
    answers.set("/org/digits/resolve/main/onnx/step.onnx", (response) => response.writeHead(200).write("\x08"));
    const failure = await failureOf(modelFolder("org/digits", { stallSeconds: 0.2 }));
    expect(failure.message).toMatch(/step\.onnx stopped coming after 1 of \d+ bytes: no byte came for 0\.2 seconds/);
    const controller = new AbortController();
    const loading = failureOf(AirModel.fromPretrained("org/digits", { signal: controller.signal }));
    await vi.waitFor(() => expect(requests.filter((each) => each.endsWith("step.onnx"))).toHaveLength(2));
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await loading).toBe(reason);
    expect(await isCached("org/digits")).toBe(false);
  });

  it("says which folder cannot be written", async () => {
    await writeFile(cacheDir, "a file in its place");
    const failure = await failureOf(modelFolder("org/digits"));
    expect(failure).toBeInstanceOf(ModelNotKeptError);
    expect(failure.message).toMatch(/cannot be written .*name another cache folder \(cacheDir, or AIR_ONNX_CACHE\)/);
  });
});

describe("a URL", () => {
  it("is downloaded, kept, and forgotten by clearCache", async () => {
    await serve("/some/where", await otherVersion("elsewhere", false));
    for (const end of ["", "/", "?v=3", "#part"])
      expect(await nameOf(`${endpoint}/some/where${end}`)).toBe("elsewhere");
    expect(requests.filter((path) => path.endsWith(".onnx"))).toHaveLength(3);
    await nameOf("org/digits");
    expect(await clearCache(`${endpoint}/some/where`)).toBe(true);
    expect(await clearCache(`${endpoint}/some/where`)).toBe(false);
    expect(await isCached(`${endpoint}/some/where`)).toBe(false);
    expect(await isCached("org/digits")).toBe(true);
    expect(await clearCache()).toBe(true);
    expect(await isCached("org/digits")).toBe(false);
    expect(await keptFiles()).toEqual([]);
    expect(await clearCache()).toBe(false);
  });

  it("of another kind of server is refused", async () => {
    expect((await failureOf(modelFolder("ftp://example.org/model"))).message).toMatch(/folder or from a server \(http/);
  });
});

describe("an npm package", () => {
  it("is found in the project of the working directory, without running any of it", async () => {
    const folder = join(scratch, "node_modules/@someone/digits");
    await mkdir(dirname(folder), { recursive: true });
    await cp(await otherVersion("packaged", false), folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "@someone/digits", main: "./no-such.js" }));
    vi.spyOn(process, "cwd").mockReturnValue(scratch);
    expect(await modelFolder("@someone/digits")).toBe(folder);
    expect(await nameOf("@someone/digits")).toBe("packaged");
    expect(await isCached("@someone/digits")).toBe(true);
    expect(requests).toEqual([]);
  });
});

describe("processes that download the same model at once", () => {
  it("both open it, and leave one copy", { timeout: 120_000 }, async () => {
    const code = `import { AirModel } from ${JSON.stringify(fileURLToPath(new URL("../dist/index.js", import.meta.url)))};
const model = await AirModel.fromPretrained("org/digits", { threads: 1 });
console.log(model.manifest.name);
await model.dispose();`;
    const open = async (): Promise<string> =>
      (await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], { cwd: scratch })).stdout;
    expect(await Promise.all([open(), open(), open()])).toEqual(["tiny\n", "tiny\n", "tiny\n"]);
    expect(await keptFiles()).toHaveLength(FILES.length + 1);
    expect(await nameOf("org/digits")).toBe("tiny");
  });

  it("clear away what a killed one left, and not what another is writing", async () => {
    const folder = await modelFolder("org/digits");
    const [old, fresh] = ["onnx/step.onnx.1-a.partial", "onnx/step.onnx.2-b.partial"].map((file) => join(folder, file));
    for (const path of [old!, fresh!]) await writeFile(path, "half");
    const before = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
    await utimes(old!, before, before);
    await nameOf("org/digits");
    expect((await keptFiles()).filter((file) => file.endsWith(".partial"))).toEqual([
      expect.stringContaining("step.onnx.2-b.partial"),
    ]);
  });
});
