import { appendFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AirModel,
  ConfigError,
  DeviceUnavailableError,
  GraphOutputError,
  GraphRunError,
  ImageError,
  type LoadOptions,
  type LoadProgress,
  listDevices,
  ModelDisposedError,
  ModelFileError,
} from "../src/index.js";
import { writeModel } from "./onnx-writer.js";
import { tinyConfig, tinyGraphs, tinyImages, writeTinyModel } from "./tiny-model.js";

const folders: string[] = [];
async function newModel(...args: Parameters<typeof writeTinyModel>): Promise<string> {
  const folder = await writeTinyModel(...args);
  folders.push(folder);
  return folder;
}
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

describe("a loaded model", () => {
  let folder: string;
  let model: AirModel;
  beforeAll(async () => {
    folder = await newModel();
    model = await AirModel.fromPretrained(folder, { threads: 1 });
  });
  afterAll(() => model.dispose());

  it("has its manifest and the device that it runs on", () => {
    expect(model.device).toBe("cpu");
    expect(model.config).toEqual(tinyConfig);
    expect(model.manifest.name).toBe("tiny");
  });

  it("infers scenes that depend on the images", async () => {
    const scenes = await model.infer(tinyImages(20), { earlyStop: false, prune: false });
    expect(scenes).toHaveLength(20);
    expect(new Set(scenes.map(({ count }) => count)).size).toBeGreaterThan(2);
    for (const scene of scenes) {
      expect(scene.countProbabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 10);
      expect(Number.isFinite(scene.elbo)).toBe(true);
      expect(scene.objects).toHaveLength(scene.count);
      expect(scene.reconstruction).toHaveLength(16);
    }
    expect(scenes[0]).toMatchObject({ count: 0, reconstruction: new Float32Array(16) });
  });

  it("stops early without changing counts or objects", async () => {
    for (let i = 0; i < 5; i++) {
      const image = tinyImages(5).subarray(16 * i, 16 * (i + 1));
      const [full] = await model.infer(image, { earlyStop: false });
      const [short] = await model.infer(image);
      expect(short!.objects).toEqual(full!.objects);
      expect(short!.reconstruction).toEqual(full!.reconstruction);
    }
    expect((await model.infer(tinyImages(1)))[0]!.steps).toBeLessThan(tinyConfig.maxSteps);
  });

  it("gives an image the same scene in any batch, up to the rounding of the kernels", async () => {
    const images = tinyImages(13);
    for (const mode of ["mean", "sample"] as const) {
      const whole = await model.infer(images, { mode, seed: 4, earlyStop: false });
      const parts = await model.infer(images, { mode, seed: 4, earlyStop: false, batchSize: 3 });
      whole.forEach((scene, i) => {
        expect(parts[i]!.count).toBe(scene.count);
        expect(parts[i]!.elbo).toBeCloseTo(scene.elbo, 3);
        scene.reconstruction.forEach((v, pixel) => {
          expect(parts[i]!.reconstruction[pixel]).toBeCloseTo(v, 5);
        });
      });
    }
  });

  it("reads pictures, dividing 8-bit values by the manifest's scale", async () => {
    const grey = Uint8Array.from({ length: 16 }, (_, i) => i * 17);
    const batch = Float32Array.from(grey, (v) => v / 255);
    const [expected] = await model.infer(batch);
    expect(await model.infer({ data: grey, width: 4, height: 4, channels: 1 })).toEqual([expected]);
    const rgba = Uint8ClampedArray.from([...grey].flatMap((v) => [v, v, v, 255]));
    const [fromRgba] = await model.infer([{ data: rgba, width: 4, height: 4 }]);
    expect(fromRgba!.elbo).toBeCloseTo(expected!.elbo, 4);
  });

  it("decodes an inferred scene to its reconstruction", async () => {
    const scenes = await model.infer(tinyImages(7), { mode: "sample", seed: 2 });
    const decoded = await model.decode(scenes);
    decoded.forEach((scene, i) => {
      expect(scene.count).toBe(scenes[i]!.count);
      scene.reconstruction.forEach((v, pixel) => {
        expect(v).toBeCloseTo(scenes[i]!.reconstruction[pixel]!, 5);
      });
    });
  });

  it("samples scenes from the prior, by seed", async () => {
    const scenes = await model.sample(4, { seed: 1, count: 2 });
    expect(scenes.map(({ count }) => count)).toEqual([2, 2, 2, 2]);
    expect(await model.sample(4, { seed: 1, count: 2 })).toEqual(scenes);
    expect((await model.sample(4, { seed: 2, count: 2 }))[0]!.reconstruction).not.toEqual(scenes[0]!.reconstruction);
    expect(await model.sample(3, { seed: 1, count: 0 })).toEqual(
      new Array(3).fill({ count: 0, objects: [], reconstruction: new Float32Array(16) }),
    );
  });

  it("rejects images of another size", async () => {
    await expect(model.infer(new Float32Array(5))).rejects.toThrow(ImageError);
    const small = { data: new Uint8Array(9), width: 3, height: 3, channels: 1 };
    await expect(model.infer(small)).rejects.toThrow(/image 0 is 3x3, this model takes 4x4: resize it first/);
  });

  it("gives concurrent calls the same answers as calls one after the other", async () => {
    const images = tinyImages(6);
    const alone = await model.infer(images);
    const together = await Promise.all([model.infer(images), model.infer(images), model.sample(3, { count: 1 })]);
    expect(together[0]).toEqual(alone);
    expect(together[1]).toEqual(alone);
  });

  it("does not use more memory after a thousand calls", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const images = tinyImages(8);
    const measure = async (calls: number): Promise<{ heap: number; resident: number }> => {
      for (let i = 0; i < calls; i++) await model.infer(images, { mode: "sample", seed: i });
      collectGarbage();
      const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
      return { heap: heapUsed + arrayBuffers, resident: rss };
    };
    // The allocator's own growth ends later than one would think: after 200 calls, 30.8 MB more were seen once.
    const before = await measure(500);
    const after = await measure(1000);
    expect(after.heap - before.heap).toBeLessThan(2e6);
    expect(after.resident - before.resident).toBeLessThan(30e6);
  });
});

describe("dispose", () => {
  it("waits for calls in flight, can be repeated, and ends all use", async () => {
    const model = await AirModel.fromPretrained(await newModel());
    const running = model.infer(tinyImages(10), { batchSize: 1 });
    const first = model.dispose();
    expect(model.dispose()).toBe(first);
    await first;
    expect(await running).toHaveLength(10);
    await model[Symbol.asyncDispose]();
    await expect(model.infer(tinyImages(1))).rejects.toThrow(ModelDisposedError);
    await expect(model.decode([])).rejects.toThrow('The model "tiny" has been disposed of');
    await expect(model.sample(1)).rejects.toThrow(ModelDisposedError);
  });

  it("succeeds although a running call fails", async () => {
    const model = await AirModel.fromPretrained(await newModel());
    const failing = model.infer(tinyImages(2), {
      onStep: () => {
        throw new Error("from the callback");
      },
    });
    const disposed = model.dispose();
    await expect(failing).rejects.toThrow("from the callback");
    await disposed;
  });

  it("may be awaited in onStep, which ends that call", async () => {
    const model = await AirModel.fromPretrained(await newModel());
    const steps: number[] = [];
    const call = model.infer(tinyImages(10), {
      earlyStop: false,
      onStep: async ({ step }) => {
        steps.push(step);
        await model.dispose();
      },
    });
    await expect(call).rejects.toThrow(ModelDisposedError);
    expect(steps).toEqual([1]);
  });

  it("frees the memory that loading took", async () => {
    const folder = await newModel();
    const load = async (times: number): Promise<number> => {
      for (let i = 0; i < times; i++) await (await AirModel.fromPretrained(folder, { threads: 1 })).dispose();
      return process.memoryUsage().rss;
    };
    const before = await load(20);
    expect((await load(60)) - before).toBeLessThan(30e6);
  });
});

describe("fromPretrained", () => {
  it("takes a path or a file URL, and reports every file", async () => {
    const folder = await newModel();
    for (const location of [folder, pathToFileURL(folder), pathToFileURL(folder).href, `${folder}/`]) {
      const progress: LoadProgress[] = [];
      const model = await AirModel.fromPretrained(location, { onProgress: (event) => void progress.push(event) });
      await model.dispose();
      expect(progress.map(({ file }) => file)).toEqual(["onnx/encoder.onnx", "onnx/step.onnx", "onnx/decoder.onnx"]);
      expect(progress.at(-1)!.loadedBytes).toBe(progress.at(-1)!.totalBytes);
    }
  });

  async function expectFailure(
    change: (folder: string) => Promise<unknown>,
    error: new (...args: never[]) => Error,
    message: RegExp,
    options: LoadOptions = {},
  ): Promise<void> {
    const folder = await newModel();
    await change(folder);
    const failure = await AirModel.fromPretrained(folder, options).catch((reason: unknown) => reason);
    expect(failure).toBeInstanceOf(error);
    expect((failure as Error).message).toMatch(message);
  }

  const graphFiles = ["onnx/encoder.onnx", "onnx/step.onnx", "onnx/decoder.onnx"];

  it.each([...graphFiles, "config.json"])("says that %s is missing", (file) =>
    expectFailure((folder) => rm(join(folder, file)), ModelFileError, new RegExp(`${file} is missing`)),
  );

  it("says that a folder is missing", async () => {
    const nowhere = join(tmpdir(), "air-onnx-nowhere");
    await expect(AirModel.fromPretrained(nowhere)).rejects.toThrow(/nowhere\/config\.json is missing: a model folder/);
  });

  it.each(graphFiles)("says that %s is truncated", (file) =>
    expectFailure(
      (folder) => truncate(join(folder, file), 100),
      ModelFileError,
      new RegExp(`${file} is truncated: it has 100 bytes, config.json says \\d{3,}`),
    ),
  );

  it("says that a file is too long", () =>
    expectFailure(
      (folder) => appendFile(join(folder, "onnx/step.onnx"), "x"),
      ModelFileError,
      /step\.onnx is too long/,
    ));

  it.each(graphFiles)("says that %s has changed, with both hashes", (file) =>
    expectFailure(
      async (folder) => {
        const content = await readFile(join(folder, file));
        content[content.length >> 1]! ^= 1;
        await writeFile(join(folder, file), content);
      },
      ModelFileError,
      new RegExp(`${file} is damaged.*SHA-256 is [0-9a-f]{64}, config.json says [0-9a-f]{64}`),
    ),
  );

  it("leaves files unverified if asked to, and then reports onnxruntime's error", async () => {
    const unknown = tinyGraphs.step.nodes.map((node, i) => (i === 0 ? { ...node, op: "Unknown" } : node));
    await expectFailure(
      (folder) => writeFile(join(folder, "onnx/step.onnx"), writeModel({ ...tinyGraphs.step, nodes: unknown })),
      ModelFileError,
      /onnxruntime cannot load onnx\/step\.onnx on cpu: /,
      { verify: false },
    );
    await expectFailure(
      (folder) => writeFile(join(folder, "onnx/step.onnx"), "not a graph"),
      ModelFileError,
      /step\.onnx is not an ONNX model/,
      { verify: false },
    );
  });

  const rewriteManifest =
    (change: (manifest: Record<string, unknown>) => unknown) =>
    async (folder: string): Promise<void> => {
      const path = join(folder, "config.json");
      await writeFile(
        path,
        JSON.stringify(change(JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>)),
      );
    };

  it("says what is wrong with config.json", async () => {
    await expectFailure(
      (folder) => writeFile(join(folder, "config.json"), "{"),
      ConfigError,
      /config\.json is not JSON/,
    );
    await expectFailure(
      rewriteManifest((m) => ({ ...m, formatVersion: 2 })),
      ConfigError,
      /formatVersion/,
    );
    await expectFailure(
      rewriteManifest((m) => ({ ...m, colour: "red" })),
      ConfigError,
      /config\.json.*\n.*colour/,
    );
  });

  it("says how a graph is not the one that config.json describes", async () => {
    await expectFailure(
      rewriteManifest((m) => ({ ...m, model: { ...tinyConfig, zWhatSize: 3 } })),
      ModelFileError,
      /onnx\/step\.onnx is not the step graph of this model: its input "z_what" is \[batch, 2\], not \[batch, 3\]/,
    );
    const swapped = await newModel({ decoder: tinyGraphs.encoder });
    await expect(AirModel.fromPretrained(swapped)).rejects.toThrow(
      /decoder\.onnx is not the decoder graph.*no input "z_where".*unknown input "image".*no output "patch"/,
    );
  });

  it("says which output of which graph is not finite", async () => {
    const { step } = tinyGraphs;
    const nodes = step.nodes.map((node) =>
      node.outputs[0] === "kl_what" ? { ...node, op: "Log", inputs: ["minus_one"] } : node,
    );
    const weights = { ...step.weights, minus_one: { shape: [1], values: [-1] } };
    const model = await AirModel.fromPretrained(await newModel({ step: { ...step, nodes, weights } }));
    const run = model.infer(tinyImages(1));
    await expect(run).rejects.toThrow(GraphOutputError);
    await expect(run).rejects.toThrow('output "kl_what" of the step graph holds NaN for image 0 at step 1');
    await model.dispose();
  });

  it("says which graph the engine cannot run, and why", async () => {
    const { step } = tinyGraphs;
    const { inputs } = step.nodes.find(({ op }) => op === "Reshape")!;
    const indices = { ...step.indices, [inputs[1]!]: [7, 16] };
    const model = await AirModel.fromPretrained(await newModel({ step: { ...step, indices } }));
    const error = await model.infer(tinyImages(1)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GraphRunError);
    expect(error).toMatchObject({ graph: "step", cause: expect.any(Error) });
    expect((error as Error).message).toMatch(/^The step graph cannot be run: .*Reshape/);
    await model.dispose();
  });

  it("rejects with the signal's reason when aborted", async () => {
    const folder = await newModel();
    await expect(AirModel.fromPretrained(folder, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    const controller = new AbortController();
    const loading = AirModel.fromPretrained(folder, {
      signal: controller.signal,
      onProgress: ({ loadedBytes, totalBytes }) => {
        if (loadedBytes === totalBytes) controller.abort(new Error("late"));
      },
    });
    await expect(loading).rejects.toThrow("late");
  });

  it("rejects invalid options", async () => {
    const folder = await newModel();
    await expect(AirModel.fromPretrained(folder, { device: "gpu" as "cuda" })).rejects.toThrow(
      /auto, cpu, cuda, webgpu/,
    );
    await expect(AirModel.fromPretrained(folder, { threads: 0 })).rejects.toThrow(
      /threads must be an integer of at least 1/,
    );
  });
});

describe("devices", () => {
  it("runs on a device that is listed as available, and on no other", async () => {
    const folder = await newModel();
    const statuses = await listDevices();
    expect(statuses.map(({ device }) => device)).toEqual(["cpu", "cuda", "webgpu"]);
    expect(statuses[0]).toEqual({ device: "cpu", available: true });
    for (const { device, available, reason } of statuses) {
      const loading = AirModel.fromPretrained(folder, { device });
      if (available) {
        const model = await loading;
        expect(model.device).toBe(device);
        expect(await model.infer(tinyImages(2))).toHaveLength(2);
        await model.dispose();
      } else {
        expect(reason).toMatch(/\w/);
        const error = await loading.catch((failure: unknown) => failure);
        expect(error).toBeInstanceOf(DeviceUnavailableError);
        expect(error).toMatchObject({ device, reason });
        expect((error as Error).message).toContain(`The device "${device}" is not available: `);
        expect((error as Error).message).toMatch(/has providers for: cpu/);
      }
    }
  });

  it("falls back from auto with a notice, or runs on cuda without one", async () => {
    const notices: string[] = [];
    const model = await AirModel.fromPretrained(await newModel(), {
      device: "auto",
      onNotice: (line) => void notices.push(line),
    });
    if (model.device === "cuda") expect(notices).toEqual([]);
    else
      expect(notices).toEqual([expect.stringMatching(/^device auto: running on cpu, because cuda is not available: /)]);
    await model.dispose();
  });
});
