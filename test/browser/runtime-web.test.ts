/**
 * Tests the browser runtime in a real Chromium: it gives the same scenes as in Node, on every device, with and without a
 * worker, and reports faults of files, networks and GPUs.
 */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type GraphName, graphNames, type Manifest, parseAirConfig, type Scene } from "@air-onnx/core";
import { exportModel } from "@air-onnx/export";
import { AirModel } from "@air-onnx/runtime-node";
import { encodePng, fillBatch, generateMultiStrokes, type Raster } from "@air-onnx/scenes";
import { initialParameters } from "@air-onnx/train";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chromium, chromiumWebgpu } from "../requirements/index.js";
import { long } from "../requirements/long.js";
import { bundlePage } from "./bundle.js";
import { launchChromium } from "./chromium.js";
import type * as InPage from "./page/main.js";
import { StaticServer } from "./static-server.js";

const onnxruntimeWeb = dirname(fileURLToPath(import.meta.resolve("onnxruntime-web/wasm")));
const models = fileURLToPath(new URL("../../models/", import.meta.url));
const SHIPPED = "/models/multi-mnist";
const SECOND = 1000;

/** Largest absolute difference of any output from Node's. */
const TOLERANCE = 1e-3;
/**
 * Largest relative differences of log-likelihoods and ELBOs. They are sums over all pixels, up to some thousand nats, of which
 * float32 holds seven digits. Summing in another order changes the sixth digit (1e-6 for one run of a graph). In the loop every
 * step also gets the rounding errors of the step before (2e-6).
 */
const NATS_TOLERANCE = 1e-5;

const tinyConfig = parseAirConfig({
  imageSize: 12,
  objectSize: 6,
  lstmSize: 8,
  zWhatSize: 5,
  predictorSize: 7,
  encoderSize: 9,
  decoderSize: 6,
});

chromium.describe("runtime-web", () => {
  let folder: string;
  let server: StaticServer;
  let browser: Browser;
  let page: Page;
  let adapter: string | undefined;
  let shipped: AirModel;
  /** `[200, 1, 50, 50]` */
  let images: Float32Array;
  let tinyImages: Float32Array;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "air-onnx-browser-"));
    const [, , , opened] = await Promise.all([
      bundlePage(fileURLToPath(new URL("page", import.meta.url)), join(folder, "page")),
      exportModel(join(folder, "tiny"), {
        name: "tiny",
        config: tinyConfig,
        parameters: initialParameters(tinyConfig, 0),
        training: { dataset: "multi-strokes", seed: 0, steps: 0, commit: null },
        metrics: {},
      }),
      launchChromium({ webgpu: true }).then((launched) => {
        browser = launched;
      }),
      AirModel.fromPretrained(join(models, "multi-mnist")),
    ]);
    shipped = opened;
    server = await StaticServer.start({
      "/": join(folder, "page"),
      "/models/": models,
      "/tiny/": join(folder, "tiny"),
    });
    const scenes = await generateMultiStrokes({ seed: 11, size: 200 });
    images = new Float32Array(200 * 50 * 50);
    fillBatch(
      scenes,
      Array.from({ length: 200 }, (_, i) => i),
      images,
    );
    tinyImages = Float32Array.from({ length: 3 * 144 }, (_, i) => Math.abs(Math.sin(i)));
    page = await openPage(browser);
    adapter = await call("webgpuAdapter");
  }, 60 * SECOND);

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await shipped?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  async function openPage(within: Browser): Promise<Page> {
    const opened = await within.newPage();
    await opened.goto(server.origin);
    await opened.waitForFunction(() => "page" in globalThis);
    return opened;
  }

  /** Calls a function in the page; its error is thrown here with the name and message that it had there. */
  async function callIn<Name extends keyof typeof InPage>(
    where: Page,
    name: Name,
    ...args: Parameters<(typeof InPage)[Name]>
  ): Promise<Awaited<ReturnType<(typeof InPage)[Name]>>> {
    const outcome = await where.evaluate(
      async ([name, args]) => {
        const { page } = globalThis as unknown as { page: Record<string, (...args: unknown[]) => unknown> };
        try {
          return { value: await page[name]!(...args) };
        } catch (error) {
          const { name, message } = error as Error;
          return { error: { name, message } };
        }
      },
      [name, args] as const,
    );
    if (outcome.error) throw Object.assign(new Error(outcome.error.message), { name: outcome.error.name });
    return outcome.value as Awaited<ReturnType<(typeof InPage)[Name]>>;
  }
  const call = <Name extends keyof typeof InPage>(name: Name, ...args: Parameters<(typeof InPage)[Name]>) =>
    callIn(page, name, ...args);

  const few = (count: number): Float32Array => images.slice(0, count * 2500);

  /** Serves the tiny model under a path of its own, with some of its files changed. */
  async function serveTiny(
    path: string,
    change: { [file: string]: (bytes: Buffer) => Buffer | string | number } = {},
  ): Promise<string> {
    for (const file of ["config.json", ...graphNames.map((name) => `onnx/${name}.onnx`)]) {
      const bytes = await readFile(join(folder, "tiny", file));
      const body = change[file]?.(bytes) ?? bytes;
      server.answer(`${path}/${file}`, (response) => {
        if (typeof body === "number") response.writeHead(body).end();
        else response.writeHead(200, { "content-type": typeof body === "string" ? "text/html" : "" }).end(body);
      });
    }
    return path;
  }

  const requestsOf = (path: string): string[] =>
    server.requests.filter((each) => each.startsWith(`${path}/`)).map((each) => each.slice(path.length + 1));

  function expectSameScenes(found: readonly Scene[], expected: readonly Scene[]): void {
    expect(found.map(({ count }) => count)).toEqual(expected.map(({ count }) => count));
    found.forEach((scene, i) => {
      const reference = expected[i]!;
      expect(difference(scene.countProbabilities, reference.countProbabilities)).toBeLessThan(TOLERANCE);
      expect(difference(scene.reconstruction, reference.reconstruction)).toBeLessThan(TOLERANCE);
      expect(Math.abs(scene.elbo / reference.elbo - 1)).toBeLessThan(NATS_TOLERANCE);
      scene.objects.forEach((object, n) => {
        const other = reference.objects[n]!;
        expect(difference(object.zWhere, other.zWhere)).toBeLessThan(TOLERANCE);
        expect(difference(object.zWhat, other.zWhat)).toBeLessThan(TOLERANCE);
        expect(difference(object.patch, other.patch)).toBeLessThan(TOLERANCE);
        expect(Math.abs(object.presence - other.presence)).toBeLessThan(TOLERANCE);
        expect(Math.abs(object.box.xmin - other.box.xmin)).toBeLessThan(TOLERANCE);
      });
    });
  }

  /** Feeds of a graph and what onnxruntime-node makes of them, as one file for the page. */
  async function graphCase(name: GraphName, batch: number): Promise<InPage.GraphCase> {
    const file = (each: GraphName): string => join(models, "multi-mnist", shipped.manifest.files[each].path);
    const noise = (shape: readonly number[], seed: number): Tensor => {
      const size = shape.reduce((product, side) => product * side, 1);
      return new Tensor(
        "float32",
        Float32Array.from({ length: size }, (_, i) => Math.sin(seed + i * i)),
        shape,
      );
    };
    const { zWhatSize, lstmSize, imageSize, channels } = shipped.config;
    const side = [batch, channels, imageSize, imageSize];
    const image = new Tensor("float32", few(batch), side);
    const run = async (graph: GraphName, feeds: Record<string, Tensor>) => {
      const session = await InferenceSession.create(file(graph));
      const results = await session.run(feeds);
      await session.release();
      return results as Record<string, Tensor>;
    };
    const where = new Tensor(
      "float32",
      Float32Array.from({ length: 3 * batch }, (_, i) => (i % 3 === 0 ? 2.5 : 0) + 0.3 * Math.sin(i)),
      [batch, 3],
    );
    let feeds: Record<string, Tensor> = { image };
    if (name === "step") {
      feeds = {
        image,
        image_gates: (await run("encoder", { image })).image_gates!,
        hidden: noise([batch, lstmSize], 1),
        cell: noise([batch, lstmSize], 2),
        z_where: where,
        z_what: noise([batch, zWhatSize], 3),
        canvas: image,
        eps_where: noise([batch, 3], 4),
        eps_what: noise([batch, zWhatSize], 5),
      };
    } else if (name === "decoder") {
      feeds = {
        z_where: where,
        z_what: noise([batch, zWhatSize], 6),
        presence: new Tensor("float32", new Float32Array(batch).fill(1), [batch]),
        canvas: new Tensor("float32", new Float32Array(image.size), side),
      };
    }
    const results = await run(name, feeds);
    const tensors = [...Object.entries(feeds), ...Object.entries(results)];
    const bytes = Buffer.concat(
      tensors.map(([, { data }]) => {
        const { buffer, byteOffset, byteLength } = data as Float32Array;
        return Buffer.from(buffer, byteOffset, byteLength);
      }),
    );
    server.answer(`/cases/${name}-${batch}`, (response) => response.writeHead(200).end(bytes));
    const places = (named: Record<string, Tensor>) =>
      Object.entries(named).map(([each, { dims }]) => ({ name: each, dims: [...dims] }));
    return { feeds: places(feeds), results: places(results) };
  }

  async function expectSameGraph(device: "wasm" | "webgpu", name: GraphName, batch: number): Promise<void> {
    const tensors = await graphCase(name, batch);
    const graph = `${SHIPPED}/${shipped.manifest.files[name].path}`;
    const found = await call("graphDifferences", device, graph, `/cases/${name}-${batch}`, tensors);
    for (const [output, worst] of Object.entries(found)) {
      // The terms, thousands of nats of either sign, may sum to almost 0, relative to which no error is small.
      if (output === "log_likelihood") expect(worst.absolute, output).toBeLessThan(5 * TOLERANCE);
      else expect(worst.absolute, output).toBeLessThan(TOLERANCE);
    }
    expect(Object.keys(found).length).toBeGreaterThan(1);
  }

  describe("on wasm", () => {
    it.each(graphNames)("the %s graph gives Node's outputs for 200 images", (name) =>
      expectSameGraph("wasm", name, 200),
    );

    it.each([true, false])("200 scenes are Node's, worker: %s", async (worker) => {
      const { device, notices } = await call("load", SHIPPED, { device: "wasm", worker });
      expect({ device, notices }).toEqual({ device: "wasm", notices: [] });
      expectSameScenes(await call("infer", images), await shipped.infer(images));
      expectSameScenes(
        await call("infer", few(20), { mode: "sample" }),
        await shipped.infer(few(20), { mode: "sample" }),
      );
      expect(await call("redraw", few(20))).toBeLessThan(TOLERANCE);
      await call("dispose");
    });

    it("a worker reports steps, evidence, samples and errors as the page itself would", async () => {
      const reports: Record<string, unknown> = {};
      for (const worker of [true, false]) {
        await call("load", SHIPPED, { device: "wasm", worker });
        const { measured, progress } = await call("evidence", few(3), 2);
        reports[String(worker)] = [
          await call("steps", few(2)),
          measured,
          progress,
          await call("sampleCounts", 3, 2),
          await call("inferTwice", few(2)),
          await call("wrongCalls"),
        ];
        await call("dispose");
        await expect(call("infer", few(1))).rejects.toMatchObject({ name: "ModelDisposedError" });
      }
      expect(reports.true).toEqual(reports.false);
      const [steps, , progress, counts, lengths, errors] = reports.true as [InPage.Loaded[], ...unknown[]];
      expect(steps).toHaveLength(shipped.config.maxSteps);
      expect(progress).toEqual([3, 6]);
      expect(counts).toEqual([2, 2, 2]);
      expect(lengths).toEqual([5000, 5000]);
      expect(errors).toEqual([
        expect.stringMatching(/^ImageError: .*3x3/),
        expect.stringMatching(/^RangeError: n /),
        expect.stringMatching(/^RangeError: z_what/),
      ]);
    });

    it("in a worker does not even load onnxruntime in the page", async () => {
      const other = await openPage(browser);
      try {
        await callIn(other, "load", SHIPPED, { device: "wasm" });
        expect(await callIn(other, "infer", few(2))).toHaveLength(2);
        expect(other.workers()).toHaveLength(1);
        expect(await callIn(other, "wasmBytes")).toBe(0);
        await callIn(other, "dispose");
      } finally {
        await other.close();
      }
    });

    it.each([true, false])("stops inferring when aborted, and can infer again, worker: %s", async (worker) => {
      await call("load", await serveTiny("/stop"), { device: "wasm", worker });
      for (const how of ["abort", "throw"] as const) {
        expect(await call("inferUntilFirstStep", tinyImages, how)).toEqual(["step 1", "rejected with the reason"]);
      }
      expect(await call("infer", tinyImages)).toHaveLength(3);
      await call("dispose");
    });

    it.each([true, false])("may be disposed of, and that awaited, in onStep, worker: %s", async (worker) => {
      await call("load", await serveTiny("/dispose"), { device: "wasm", worker });
      expect(await call("disposeInStep", tinyImages)).toEqual(["ModelDisposedError", "ModelDisposedError"]);
      await expect.poll(() => page.workers().length).toBe(0);
    });

    it("opens and closes many times without growth", { timeout: 600 * SECOND }, async () => {
      const path = await serveTiny("/reopen");
      const times = long({ what: "times that a model is opened and closed in the page", now: 20, inFull: 100 });
      const sizes = await call("reopen", path, { device: "wasm", worker: false }, times, tinyImages);
      expect(sizes).toHaveLength(times / 10);
      expect(sizes[0]).toBeGreaterThan(0);
      expect(sizes.at(-1)).toBe(sizes[0]);
      for (let i = 0; i < 3; i++) {
        await call("load", path, { device: "wasm", worker: true });
        expect(page.workers()).toHaveLength(1);
        await call("dispose");
        await expect.poll(() => page.workers().length).toBe(0);
      }
    });
  });

  describe("auto", () => {
    beforeEach((test) => chromiumWebgpu.check(test, adapter !== undefined));

    /** Does `work` in a page whose adapter claims to be software, or a real GPU, whatever it really is. */
    async function withAdapter(kind: "software" | "real", work: () => Promise<void>): Promise<void> {
      const own = await page.evaluateHandle((value) => {
        const before = Object.getOwnPropertyDescriptor(GPUAdapterInfo.prototype, "isFallbackAdapter")!;
        Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { value, configurable: true });
        return before;
      }, kind === "software");
      try {
        await work();
      } finally {
        await own.evaluate((before) => Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", before));
      }
    }

    it("skips a software GPU and says why; webgpu by name takes it", { timeout: 180_000 }, async () => {
      await withAdapter("software", async () => {
        const status = (await call("listDevices")).find(({ device }) => device === "webgpu");
        expect(status).toMatchObject({ available: true, software: true });
        const path = await serveTiny("/software");
        const { device, notices } = await call("load", path, { device: "auto", worker: false });
        expect(device).toBe("wasm");
        expect(notices).toEqual([
          expect.stringMatching(/^device auto: running on wasm, because the only webgpu adapter .*is software/),
        ]);
        await call("dispose");
        const named = await call("load", path, { device: "webgpu", worker: false });
        expect(named).toMatchObject({ device: "webgpu", notices: [] });
        await call("dispose");
      });
    });

    it("takes a real GPU", async () => {
      await withAdapter("real", async () => {
        const { device, notices } = await call("load", await serveTiny("/real"), { device: "auto", worker: false });
        expect({ device, notices }).toEqual({ device: "webgpu", notices: [] });
        await call("dispose");
      });
    });
  });

  describe("on WebGPU", () => {
    beforeEach((test) => chromiumWebgpu.check(test, adapter !== undefined));

    /** Images of a batch, few because software is slow. */
    const BATCH = 4;
    it.for(graphNames)("the %s graph gives Node's outputs", async (name) => {
      await expectSameGraph("webgpu", name, BATCH);
    });

    it("scenes are Node's", { timeout: 600 * SECOND }, async () => {
      await call("load", SHIPPED, { device: "webgpu", worker: false });
      const count = long({ what: "scenes on WebGPU compared with Node's", now: 20, inFull: 200 });
      const expected = await shipped.infer(images);
      for (let compared = 0; compared < count; compared += 20) {
        const batch = images.slice(compared * 2500, (compared + 20) * 2500);
        expectSameScenes(await call("infer", batch), expected.slice(compared, compared + 20));
      }
      await call("dispose");
    });

    it("no memory is left behind", { timeout: 120 * SECOND }, async () => {
      const { device } = await call("load", SHIPPED, { device: "webgpu", worker: false });
      expect(device).toBe("webgpu");
      await call("infer", few(BATCH));
      await call("evidence", few(BATCH), 1);
      expect(await call("redraw", few(BATCH))).toBeLessThan(TOLERANCE);
      const buffers = await call("gpuBuffers");
      expect(buffers).toBeGreaterThan(0);
      for (let i = 0; i < 3; i++) await call("infer", few(BATCH));
      // onnxruntime's own cache of buffers varies by a few; a leak of one tensor per step would be more.
      expect(await call("gpuBuffers")).toBeLessThan(buffers + 6);
      await call("dispose");
    });

    it("nothing but the arithmetic of shapes runs on the CPU", async () => {
      const lines: string[] = [];
      const listen = (message: { text(): string }): void => void lines.push(message.text());
      page.on("console", listen);
      for (const name of graphNames) await call("logPlacements", `${SHIPPED}/${shipped.manifest.files[name].path}`);
      page.off("console", listen);
      const onCpu: string[] = [];
      let provider: string | undefined;
      for (const line of lines) {
        // The log has a line for each provider, and below it a line for each of its nodes.
        provider = /placed on \[(\w+)\]/.exec(line)?.[1] ?? provider;
        const op = /VerifyEachNodeIsAssignedToAnEp\] {3}(\w+) \(/.exec(line)?.[1];
        if (op && provider === "CPUExecutionProvider") onCpu.push(op);
      }
      expect(lines.filter((line) => /placed on \[WebGpu/.test(line))).toHaveLength(graphNames.length);
      const shapes = ["Shape", "Gather", "Concat", "Slice", "Squeeze", "Unsqueeze", "Cast"];
      expect(onCpu.filter((op) => !shapes.includes(op))).toEqual([]);
      console.log(`nodes of ${SHIPPED} on the CPU: ${onCpu.join(", ") || "none"}`);
    });

    it.for([false, true])(
      "calls may overlap; a lost GPU is said so, and another model can be opened; worker: %s",
      {
        timeout: 120 * SECOND,
      },
      async (worker) => {
        const path = await serveTiny("/lost");
        await call("load", path, { device: "webgpu", worker });
        const alone = await call("infer", tinyImages);
        for (const scenes of await call("atOnce", tinyImages)) expectSameScenes(scenes, alone);
        if (worker) {
          const [thread] = page.workers();
          await thread!.evaluate(() => {
            const { createCommandEncoder } = GPUDevice.prototype;
            GPUDevice.prototype.createCommandEncoder = function (...args) {
              Object.assign(globalThis, { gpu: this });
              return createCommandEncoder.apply(this, args);
            };
          });
          await call("infer", tinyImages);
          await thread!.evaluate(() => (globalThis as unknown as { gpu: GPUDevice }).gpu.destroy());
          await expect(call("infer", tinyImages)).rejects.toMatchObject({ name: "DeviceLostError" });
        } else {
          // A fast machine may have finished it by then.
          const pending = call("infer", tinyImages).catch((error: unknown) => error);
          await call("destroyGpu");
          const outcome = await pending;
          if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ name: "DeviceLostError" });
          await expect(call("infer", tinyImages)).rejects.toMatchObject({ name: "DeviceLostError" });
        }
        await expect(call("sampleCounts", 1, 1)).rejects.toMatchObject({
          name: "DeviceLostError",
          message: expect.stringContaining("open it again"),
        });
        await call("dispose");
        // Another worker starts onnxruntime anew; in the page, the same onnxruntime must still work after the loss.
        if (worker) return;
        await call("load", path, { device: "webgpu", worker });
        expectSameScenes(await call("infer", tinyImages), alone);
        await call("dispose");
      },
    );
  });

  describe("without WebGPU", () => {
    it("auto runs on wasm and says so; webgpu is an error with the reason", async () => {
      const plain = await launchChromium({ webgpu: false });
      try {
        const other = await openPage(plain);
        // On a machine with a GPU there is an adapter even without the flag.
        if ((await callIn(other, "webgpuAdapter")) !== undefined) {
          await other.evaluate(() => Object.defineProperty(navigator, "gpu", { value: undefined }));
        }
        const path = await serveTiny("/no-gpu");
        const { device, notices } = await callIn(other, "load", path, { device: "auto" });
        expect(device).toBe("wasm");
        expect(notices).toEqual([
          expect.stringMatching(/running on wasm, because webgpu is not available: .*(adapter|navigator)/),
        ]);
        server.requests.length = 0;
        await expect(callIn(other, "load", path, { device: "webgpu" })).rejects.toMatchObject({
          name: "DeviceUnavailableError",
          message: expect.stringContaining("webgpu"),
        });
        expect(server.requests, "nothing is downloaded for a device that is not there").toEqual([]);
      } finally {
        await plain.close();
      }
    });
  });

  it("runs on threads where the page is isolated and says where onnxruntime's files are", async () => {
    const isolated = await StaticServer.start(
      { "/": join(folder, "page"), "/model/": join(folder, "tiny"), "/ort/": onnxruntimeWeb },
      { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" },
    );
    const other = await browser.newPage();
    try {
      await other.goto(isolated.origin);
      await other.waitForFunction(() => "page" in globalThis);
      const { notices } = await callIn(other, "load", "/model", { device: "wasm", threads: 2, wasmPaths: "/ort/" });
      expect(notices).toEqual([]);
      expect(await callIn(other, "infer", tinyImages)).toHaveLength(3);
      // The model's worker, and the second thread in a worker that it started.
      expect(isolated.requests.filter((path) => path === "/ort/ort-wasm-simd-threaded.mjs").length).toBeGreaterThan(1);
      await callIn(other, "dispose");
    } finally {
      await other.close();
      await isolated.stop();
    }
  });

  describe("files", () => {
    const local = { device: "wasm", worker: false } as const;

    it("come with their total progress, and are not fetched again", async () => {
      const path = await serveTiny("/kept");
      const { files } = await readManifest();
      const sizes = graphNames.map((name) => files[name].size);
      const runtime = await stat(join(onnxruntimeWeb, "ort-wasm-simd-threaded.wasm"));
      const total = sizes.reduce((a, b) => a + b, runtime.size);
      const { progress } = await call("load", path, local);
      expect(progress.every(({ totalBytes }) => totalBytes === total)).toBe(true);
      expect(progress.at(-1)!.loadedBytes).toBe(total);
      const loaded = progress.map(({ loadedBytes }) => loadedBytes);
      expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
      expect(requestsOf(path).toSorted()).toEqual([
        "config.json",
        "onnx/decoder.onnx",
        "onnx/encoder.onnx",
        "onnx/step.onnx",
      ]);

      server.requests.length = 0;
      await call("load", path, local);
      expect(requestsOf(path)).toEqual(["config.json"]);

      server.requests.length = 0;
      await call("load", path, { ...local, cache: false });
      expect(requestsOf(path)).toHaveLength(4);
    });

    it("of onnxruntime are part of the progress, piece by piece in a worker", async () => {
      const other = await openPage(browser);
      try {
        const { progress } = await callIn(other, "load", await serveTiny("/counted"), { device: "wasm" });
        const runtime = progress.filter(({ file }) => file === "ort-wasm-simd-threaded.wasm");
        expect(runtime.length).toBeGreaterThan(2);
        expect(progress.at(-1)!.loadedBytes).toBe(progress[0]!.totalBytes);
        await callIn(other, "dispose");
      } finally {
        await other.close();
      }
    });

    it("can be downloaded for later", async () => {
      const path = await serveTiny("/later");
      expect(await call("download", path)).toBe("tiny");
      server.requests.length = 0;
      await call("load", path, local);
      expect(requestsOf(path)).toEqual(["config.json"]);
      await call("dispose");
      await expect(call("download", "/never-there")).rejects.toMatchObject({ name: "ModelFileError" });
    });

    it("are there without a network once they were loaded", async () => {
      const path = await serveTiny("/offline");
      await call("load", path, local);
      await page.context().setOffline(true);
      try {
        const { notices } = await call("load", path, local);
        expect(notices).toEqual([expect.stringContaining("as it was downloaded before")]);
        expect(await call("infer", tinyImages)).toHaveLength(3);
        await expect(call("load", "/never-seen", local)).rejects.toMatchObject({
          name: "ModelFileError",
          message: expect.stringMatching(/never-seen\/config\.json cannot be fetched .*no network/),
        });
      } finally {
        await page.context().setOffline(false);
      }
    });

    it("that changed are fetched anew", async () => {
      const path = await serveTiny("/changed");
      await call("load", path, local);
      const longer = (bytes: Buffer): Buffer => Buffer.concat([bytes, protobufField]);
      await serveTiny(path, {
        "onnx/decoder.onnx": longer,
        "config.json": (bytes) => {
          const manifest = JSON.parse(bytes.toString()) as Manifest;
          const decoder = longer(decoderBytes());
          Object.assign(manifest.files.decoder, { size: decoder.length, sha256: sha256(decoder) });
          return Buffer.from(JSON.stringify(manifest));
        },
      });
      server.requests.length = 0;
      await call("load", path, local);
      expect(requestsOf(path)).toEqual(["config.json", "onnx/decoder.onnx"]);
    });

    const html = (): string => "<!doctype html><title>An application's start page</title>";
    it.each<[string, { [file: string]: (bytes: Buffer) => Buffer | string | number }, RegExp, string?]>([
      ["a missing manifest", { "config.json": () => 404 }, /config\.json cannot be fetched: .* 404/],
      ["a missing graph", { "onnx/step.onnx": () => 404 }, /onnx\/step\.onnx cannot be fetched: .* 404/],
      ["a server's failure", { "onnx/step.onnx": () => 503 }, /step\.onnx cannot be fetched: .* 503/],
      ["a web page as manifest", { "config.json": html }, /config\.json is a web page, not JSON/],
      ["a web page as graph", { "onnx/encoder.onnx": html }, /encoder\.onnx is a web page, not an ONNX graph/],
      [
        "a truncated graph",
        { "onnx/decoder.onnx": (bytes) => bytes.subarray(0, 500) },
        /decoder\.onnx is truncated: it has 500 bytes/,
      ],
      [
        "a graph that is too long",
        { "onnx/decoder.onnx": (bytes) => Buffer.concat([bytes, bytes]) },
        /decoder\.onnx is too long/,
      ],
      [
        "a changed graph",
        { "onnx/step.onnx": (bytes) => Buffer.from(bytes.map((byte, i) => (i === 900 ? byte ^ 1 : byte))) },
        /step\.onnx is damaged or was changed: its SHA-256/,
      ],
      [
        "a manifest that is none",
        { "config.json": () => Buffer.from('{"format":"other"}') },
        /config\.json/,
        "ConfigError",
      ],
      [
        "a manifest that is no JSON",
        { "config.json": () => Buffer.from("format: air") },
        /config\.json is not JSON/,
        "ConfigError",
      ],
    ])("%s is named", async (what, change, message, name = "ModelFileError") => {
      const path = await serveTiny(`/broken/${what.replaceAll(" ", "-").replaceAll("'", "")}`, change);
      await expect(call("load", path, local)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
    });

    it.each([true, false])("that are another graph than they should be are named, worker: %s", async (worker) => {
      const encoder = await readFile(join(folder, "tiny", "onnx/encoder.onnx"));
      const path = await serveTiny(`/swapped-${worker}`, { "onnx/step.onnx": () => encoder });
      await expect(call("load", path, { device: "wasm", worker, verify: false })).rejects.toMatchObject({
        name: "ModelFileError",
        message: expect.stringMatching(/step\.onnx is not the step graph of this model: it has no input "image_gates"/),
      });
    });

    it.each([true, false])("that are no graph at all are named, worker: %s", async (worker) => {
      const path = await serveTiny(`/nonsense-${worker}`, { "onnx/encoder.onnx": () => Buffer.alloc(300, 7) });
      await expect(call("load", path, { device: "wasm", worker, verify: false })).rejects.toMatchObject({
        name: "ModelFileError",
        message: expect.stringMatching(/onnx\/encoder\.onnx is not an ONNX model/),
      });
    });

    it("stop coming when the download is aborted", async () => {
      const path = await serveTiny("/slow");
      let closed = false;
      server.answer(`${path}/onnx/step.onnx`, (response) => {
        response.on("close", () => {
          closed = true;
        });
        response.writeHead(200, { "content-type": "application/octet-stream" }).write(Buffer.alloc(2000, 8));
      });
      const { encoder, decoder } = (await readManifest()).files;
      const others = encoder.size + decoder.size;
      const runtime = await stat(join(onnxruntimeWeb, "ort-wasm-simd-threaded.wasm"));
      await expect(call("load", path, local, runtime.size + others + 1)).rejects.toMatchObject({ message: "enough" });
      await expect.poll(() => closed).toBe(true);
    });

    it("that break off say how far they came", async () => {
      const path = await serveTiny("/breaks");
      server.answer(`${path}/onnx/step.onnx`, (response) => {
        response.writeHead(200, { "content-length": 9999 }).write(Buffer.alloc(64, 8), () => response.destroy());
      });
      await expect(call("load", path, local)).rejects.toMatchObject({
        name: "ModelFileError",
        message: expect.stringMatching(/step\.onnx broke off after \d+ of \d+ bytes/),
      });
    });

    it("of onnxruntime that are not where wasmPaths says are an error that says so", async () => {
      const path = await serveTiny("/elsewhere");
      await expect(call("load", path, { device: "wasm", worker: true, wasmPaths: "/nowhere/" })).rejects.toMatchObject({
        name: "DeviceUnavailableError",
        message: expect.stringContaining("wasmPaths"),
      });
    });
  });

  describe.each([true, false])("pictures of any size, worker: %s", (worker) => {
    /** Two digits' images side by side on a larger picture, so that tiles share them. */
    const picture = (): Raster => {
      const data = new Uint8Array(130 * 70);
      for (let i = 0; i < 2500; i++) {
        const at = (10 + Math.floor(i / 50)) * 130 + (i % 50);
        data[at + 5] = Math.round(255 * images[3 * 2500 + i]!);
        data[at + 70] = Math.round(255 * images[4 * 2500 + i]!);
      }
      return { data, width: 130, height: 70, channels: 1 };
    };

    it("are inferred alike from every source, as in Node", async () => {
      const path = `/picture-${worker}.png`;
      const png = encodePng(picture());
      server.answer(path, (response) => void response.writeHead(200, { "content-type": "image/png" }).end(png));
      await call("load", SHIPPED, { device: "wasm", worker });
      const [expected] = await shipped.infer(picture(), { fit: "tiles" });
      expect(expected!.tiles.length).toBeGreaterThan(3);
      expect(expected!.count).toBeGreaterThan(0);
      const found = await call("inferSources", path);
      expect(Object.keys(found)).toHaveLength(11);
      const boxes = expected!.objects.map(({ tightBox: { xmin, ymin, xmax, ymax } }) => [xmin, ymin, xmax, ymax]);
      for (const [name, scene] of Object.entries(found))
        expect({ name, ...scene }).toEqual({ name, width: 130, boxes });
      const progress = await call("pictureProgress", path);
      expect(progress.at(-1)).toEqual([2, 2]);
      await call("dispose");
    });

    it("that cannot be read are named, and so is an option that there is not", async () => {
      await call("load", "/tiny", { device: "wasm", worker });
      const errors = await call("wrongSources", "/nowhere.png");
      expect(errors).toEqual([
        expect.stringMatching(/^ImageError: image 0 \(\/nowhere\.png\) cannot be read: the answer was 404/),
        expect.stringMatching(/^ImageError: image 0 cannot be read: /),
        expect.stringMatching(/^ImageError: image 0 cannot be read: it has no pixels/),
        expect.stringMatching(/^ImageError: image 0 cannot be read: it is a Float32Array: give a batch as one/),
        expect.stringMatching(/^ImageError: image 0 cannot be read: it is null: give a path or URL/),
        expect.stringMatching(/^(ImageError|RangeError): /),
        expect.stringMatching(/^RangeError: infer has no option treshold. Did you mean threshold\?/),
      ]);
      await call("dispose");
    });
  });

  const readManifest = async (): Promise<Manifest> =>
    JSON.parse(await readFile(join(folder, "tiny", "config.json"), "utf8")) as Manifest;
  let tinyDecoder: Buffer;
  beforeAll(async () => {
    tinyDecoder = await readFile(join(folder, "tiny", "onnx/decoder.onnx"));
  });
  const decoderBytes = (): Buffer => tinyDecoder;
});

/** `producer_version: "x"` of an ONNX model: another file, the same graph. */
const protobufField = Buffer.from([0x1a, 0x01, 0x78]);

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const each = Math.abs(a[i]! - b[i]!);
    if (!(each <= worst)) worst = each;
  }
  return worst;
}
