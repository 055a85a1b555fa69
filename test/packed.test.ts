/** Tests the packages as users get them: packed, installed into clean folders, type-checked and run from there. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { access, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { parseAirConfig } from "@air-onnx/core";
import { exportModel } from "@air-onnx/export";
import { initialParameters } from "@air-onnx/train";
import type { Browser } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "./browser/chromium.js";
import { StaticServer } from "./browser/static-server.js";
import { chromium } from "./requirements/index.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const readManifest = (folder: string) =>
  JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as {
    readonly private?: boolean;
    readonly workspaces?: readonly string[];
  };
/** The published packages, by the names of their folders. */
const packages = readManifest(".")
  .workspaces!.filter((workspace) => !readManifest(workspace).private)
  .map((workspace) => basename(workspace));
const MINUTES = 60_000;

let folder: string;
let archives: Record<string, string>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-packed-"));
  await run(process.execPath, [join(root, "packages/runtime-web/build/standalone.mjs")]);
  const workspaces = packages.flatMap((name) => ["--workspace", `packages/${name}`]);
  const { stdout } = await npm(["pack", "--json", "--pack-destination", folder, ...workspaces], root);
  const packed = JSON.parse(stdout) as readonly { readonly name: string; readonly filename: string }[];
  archives = Object.fromEntries(packed.map(({ name, filename }) => [basename(name), join(folder, filename)]));
  expect(Object.keys(archives).toSorted()).toEqual(packages.toSorted());
}, 2 * MINUTES);
afterAll(() => rm(folder, { recursive: true, force: true }));

function npm(args: string[], cwd: string) {
  // Uses a shell, because npm is a script on Windows.
  const shell = process.platform === "win32";
  return run("npm", args, { cwd, shell, env: { ...process.env, npm_config_loglevel: "error" }, maxBuffer: 1 << 26 });
}

/** Makes a new project and installs our archives there, with their dependencies from the registry. */
async function newProject(project: string, names: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(folder, `${project}-`));
  await install(directory, names);
  return directory;
}

/** Installs our archives in a project, with those that are there already. */
async function install(directory: string, names: readonly string[]): Promise<void> {
  const dependencies = Object.fromEntries(names.map((name) => [`@air-onnx/${name}`, `file:${archives[name]}`]));
  await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module", dependencies }));
  await npm(["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"], directory);
}

async function exportTinyModel(directory: string): Promise<void> {
  const config = parseAirConfig({ lstmSize: 8, zWhatSize: 5, predictorSize: 7, encoderSize: 9, decoderSize: 6 });
  await exportModel(directory, {
    name: "tiny",
    config,
    parameters: initialParameters(config, 0),
    training: { dataset: "multi-strokes", seed: 0, steps: 0, commit: null },
    metrics: {},
  });
}

/** Output of the compiler for a project's `types.ts`. */
async function typeCheck(project: string, options: Record<string, unknown>): Promise<string> {
  const compilerOptions = { strict: true, target: "ES2022", noEmit: true, skipLibCheck: false, types: [], ...options };
  await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }));
  const { stdout } = await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], {
    cwd: project,
  }).catch((failure: { stdout: string }) => failure);
  return stdout;
}

it("hold their build and its sources, a README, the licence and nothing else", { timeout: MINUTES }, async () => {
  for (const name of packages) {
    const { stdout } = await run("tar", ["tzf", archives[name]!]);
    const files = stdout.trim().split("\n");
    const expected = /^package\/(dist\/|bin\/|src\/|examples\/|scripts\/|kernels\/|package\.json|README\.md|LICENSE)/;
    expect(
      files.filter((file) => !expected.test(file) || /\.cases\.|tsbuildinfo|\.test\./.test(file)),
      name,
    ).toEqual([]);
    for (const file of ["dist/index.js", "dist/index.d.ts", "README.md", "LICENSE"])
      expect(files, name).toContain(`package/${file}`);
  }
});

it("have source maps whose sources are there", { timeout: MINUTES }, async () => {
  for (const name of packages) {
    const unpacked = await mkdtemp(join(folder, `${name}-`));
    await run("tar", ["xzf", archives[name]!, "-C", unpacked]);
    const maps = (await readdir(unpacked, { recursive: true })).filter((path) => path.endsWith(".map"));
    expect(maps.length, name).toBeGreaterThan(0);
    for (const map of maps) {
      const { sources } = JSON.parse(await readFile(join(unpacked, map), "utf8")) as { sources: string[] };
      for (const source of sources) await access(join(unpacked, dirname(map), source));
    }
  }
});

describe("runtime-node in a clean project", () => {
  let project: string;
  let model: string;
  beforeAll(async () => {
    project = await newProject("runtime", ["core", "runtime-node"]);
    model = join(project, "model");
    await exportTinyModel(model);
  }, 3 * MINUTES);

  it("brings no training code", async () => {
    const installed = await readdir(join(project, "node_modules"), { recursive: true });
    expect(installed.filter((path) => /(^|\/)(@tensorflow|protobufjs|pngjs|commander)$/.test(path))).toEqual([]);
  });

  it("runs a model, with nothing on stderr", { timeout: MINUTES }, async () => {
    await writeFile(
      join(project, "infer.js"),
      `import { AirModel } from "@air-onnx/runtime-node";
const air = await AirModel.fromPretrained(${JSON.stringify(model)});
const [scene] = await air.infer({ data: new Uint8Array(2500).fill(128), width: 50, height: 50, channels: 1 });
await air.dispose();
console.log(JSON.stringify({ device: air.device, count: scene.count, q: scene.countProbabilities }));
`,
    );
    const { stdout, stderr } = await run(process.execPath, ["infer.js"], { cwd: project });
    expect(stderr).toBe("");
    const result = JSON.parse(stdout) as { device: string; count: number; q: number[] };
    expect(result.device).toBe("cpu");
    expect(result.q.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 6);
  });

  it("has types that a strict project accepts, and that refuse nonsense", { timeout: MINUTES }, async () => {
    await writeFile(
      join(project, "types.ts"),
      `import { AirModel, type Scene } from "@air-onnx/runtime-node";
const model = await AirModel.fromPretrained("model", { device: "auto" });
const scenes: Scene[] = await model.infer(new Float32Array(2500), { mode: "sample", seed: 1 });
export const boxes = scenes.flatMap((scene) => scene.objects.map((object) => object.box.xmin));
// @ts-expect-error: there is no such device
await AirModel.fromPretrained("model", { device: "tpu" });
`,
    );
    expect(await typeCheck(project, { module: "NodeNext" })).toBe("");
  });

  // The last test of this project, to which it adds the other packages: the runtime's dependencies take long to install.
  it("takes the command line as well, which answers", { timeout: 4 * MINUTES }, async () => {
    await install(
      project,
      packages.filter((name) => name !== "runtime-web"),
    );
    const bin = join(project, "node_modules", ".bin", process.platform === "win32" ? "air-onnx.cmd" : "air-onnx");
    const options = { cwd: project, shell: process.platform === "win32" };
    const { version } = JSON.parse(await readFile(join(root, "packages/cli/package.json"), "utf8")) as {
      version: string;
    };
    expect((await run(bin, ["--version"], options)).stdout.trim()).toBe(version);
    // Without Vulkan, the WebGPU provider that the doctor probes prints a line to stderr.
    const { stdout } = await run(bin, ["doctor", "--json"], options);
    expect(stdout).toContain("onnxruntime");
  });
});

describe("runtime-web in a clean project", () => {
  let project: string;
  let browser: Browser | undefined;
  /** A page's module that runs the model once. */
  let useModel: (from: string) => string;
  beforeAll(async () => {
    project = await newProject("web", ["core", "runtime-web"]);
    await mkdir(join(project, "public"));
    await exportTinyModel(join(project, "public", "model"));
    useModel = (from) => `import { AirModel } from "${from}";
const notices = [];
const model = await AirModel.fromPretrained("model", { onNotice: (line) => notices.push(line) });
const [scene] = await model.infer({ data: new Uint8Array(2500).fill(128), width: 50, height: 50, channels: 1 });
await model.dispose();
globalThis.result = { device: model.device, worker: model.worker, q: scene.countProbabilities, notices };
`;
    await writeFile(join(project, "main.js"), useModel("@air-onnx/runtime-web"));
  }, 3 * MINUTES);

  afterAll(() => browser?.close());

  /** Opens a served page and returns the result of its main.js, with everything that was printed or failed. */
  async function open(server: StaticServer, path: string) {
    browser ??= await launchChromium({ webgpu: false });
    // A page of its own context has an empty cache.
    const page = await browser.newPage();
    try {
      const said: string[] = [];
      page.on("console", (message) => said.push(message.text()));
      page.on("pageerror", (error) => said.push(error.message));
      await page.goto(server.origin + path);
      await page.waitForFunction(() => "result" in globalThis, undefined, { timeout: MINUTES }).catch(() => {});
      const result = (await page.evaluate(() => (globalThis as { result?: unknown }).result)) as
        | { device: string; worker: boolean; q: number[]; notices: string[] }
        | undefined;
      return { result, said };
    } finally {
      await page.close();
      await server.stop();
    }
  }

  it("has types that a strict project accepts, and that refuse nonsense", { timeout: MINUTES }, async () => {
    await writeFile(
      join(project, "types.ts"),
      `import { AirModel, configure, type Scene } from "@air-onnx/runtime-web";
configure({ wasmPaths: "/ort/", threads: 2 });
const model: AirModel = await AirModel.fromPretrained("model", { device: "auto", signal: AbortSignal.timeout(9) });
const scenes: Scene[] = await model.infer(new ImageData(50, 50), { mode: "sample", seed: 1 });
export const boxes = scenes.flatMap((scene) => scene.objects.map((object) => object.box.xmin));
// @ts-expect-error: there is no such device
await AirModel.fromPretrained("model", { device: "cuda" });
`,
    );
    const lib = ["ES2022", "DOM", "ESNext.Disposable"];
    expect(await typeCheck(project, { module: "ESNext", moduleResolution: "Bundler", lib })).toBe("");
  });

  chromium.describe("in Chromium", () => {
    it("bundles with Vite and no configuration, and runs in a worker", { timeout: 2 * MINUTES }, async () => {
      await writeFile(
        join(project, "index.html"),
        `<!doctype html><link rel="icon" href="data:," /><script type="module" src="./main.js"></script>`,
      );
      await build({
        root: project,
        configFile: false,
        logLevel: "error",
        build: { reportCompressedSize: false, target: "esnext" },
      });
      const assets = join(project, "dist", "assets");
      const sizes: Record<string, string> = {};
      for (const file of await readdir(assets)) {
        const bytes = await readFile(join(assets, file));
        const packed = file.endsWith(".js") ? `, ${kilobytes(gzipSync(bytes).length)} gzip` : "";
        sizes[file.replace(/-[\w-]{8}(?=\.\w+$)/, "")] = kilobytes(bytes.length) + packed;
      }
      console.log("runtime-web in a page, bundled by Vite:", sizes);
      const server = await StaticServer.start({ "/": join(project, "dist") });
      const { result, said } = await open(server, "/index.html");
      expect(said).toEqual([]);
      expect(result).toMatchObject({ device: "wasm", worker: true, notices: [] });
      expect(result!.q.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 6);
      const asked = server.requests.join("\n");
      expect(asked).toMatch(/worker-wasm/);
      expect(asked, "half the size when WebGPU is not wanted").not.toMatch(/asyncify|webgpu/);
    });

    it("runs in a worker from a plain page, without bundler and import map", { timeout: MINUTES }, async () => {
      // Copies the standalone build and onnxruntime's files into one folder, as a page's author does.
      const air = join(project, "air");
      await cp(join(project, "node_modules/@air-onnx/runtime-web/dist/standalone"), air, { recursive: true });
      await cp(
        join(project, "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"),
        join(air, "ort-wasm-simd-threaded.wasm"),
      );
      await writeFile(
        join(project, "standalone.html"),
        `<!doctype html><link rel="icon" href="data:," /><script type="module">${useModel("/air/index.js")}</script>`,
      );
      const server = await StaticServer.start({ "/": project, "/model/": join(project, "public", "model") });
      const { result, said } = await open(server, "/standalone.html");
      expect(said).toEqual([]);
      expect(result).toMatchObject({ device: "wasm", worker: true, notices: [] });
      const asked = server.requests.filter((path) => /\.(m?js|wasm)$/.test(path));
      expect(asked.toSorted()).toEqual(["/air/index.js", "/air/ort-wasm-simd-threaded.wasm", "/air/worker-wasm.js"]);
    });

    it("runs from node_modules in a plain page, by an import map", { timeout: MINUTES }, async () => {
      const imports = {
        "@air-onnx/runtime-web": "/node_modules/@air-onnx/runtime-web/dist/index.js",
        "@air-onnx/core": "/node_modules/@air-onnx/core/dist/index.js",
        "onnxruntime-common": "/node_modules/onnxruntime-common/dist/esm/index.js",
        "onnxruntime-web/wasm": "/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
        "onnxruntime-web/webgpu": "/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs",
        zod: "/node_modules/zod/index.js",
      };
      await writeFile(
        join(project, "plain.html"),
        `<!doctype html><link rel="icon" href="data:," /><script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="./main.js"></script>`,
      );
      const server = await StaticServer.start({ "/": project, "/model/": join(project, "public", "model") });
      const { result, said } = await open(server, "/plain.html");
      // Import maps do not reach workers.
      expect(result).toMatchObject({
        device: "wasm",
        worker: false,
        notices: [expect.stringMatching(/running in the page, .* worker cannot start.*dist\/standalone/)],
      });
      expect(said.filter((line) => !/module specifier|bare specifier/.test(line))).toEqual([]);
    });
  });
});

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
