/// <reference lib="dom" />
/** Functions that the runtime's tests call in a page. Arguments and results are data that can be passed to and from Node. */
import {
  AirModel,
  countObjects,
  downloadModel,
  type LoadOptions,
  type LoadProgress,
  listDevices,
  type Scene,
  type StepReport,
} from "@air-onnx/runtime-web";
import type { InferenceSession, Tensor } from "onnxruntime-web";

type Plain<Options> = Omit<Options, "signal" | "onProgress" | "onNotice" | "onStep">;

/** Memory of every WebAssembly module that was started here. */
const memories: WebAssembly.Memory[] = [];
const PlainMemory = WebAssembly.Memory;
WebAssembly.Memory = class extends PlainMemory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    memories.push(this);
  }
};
for (const start of ["instantiate", "instantiateStreaming"] as const) {
  const original = WebAssembly[start] as (...args: unknown[]) => Promise<WebAssembly.WebAssemblyInstantiatedSource>;
  Object.assign(WebAssembly, {
    [start]: async (...args: unknown[]) => {
      const result = await original(...args);
      for (const each of Object.values((result.instance ?? result).exports)) {
        if (each instanceof PlainMemory && !memories.includes(each)) memories.push(each);
      }
      return result;
    },
  });
}

/** Buffers of GPUs that were made here and not destroyed, and the GPUs. */
let liveBuffers = 0;
const gpus: GPUDevice[] = [];
if (typeof GPUDevice !== "undefined") {
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    liveBuffers++;
    if (!gpus.includes(this)) gpus.push(this);
    return createBuffer.call(this, descriptor);
  };
  const { destroy } = GPUBuffer.prototype;
  const destroyed = new WeakSet<GPUBuffer>();
  GPUBuffer.prototype.destroy = function () {
    if (!destroyed.has(this)) liveBuffers--;
    destroyed.add(this);
    return destroy.call(this);
  };
}

export const wasmBytes = (): number => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
export const gpuBuffers = (): number => liveBuffers;
export const destroyGpu = (): void => gpus.at(-1)!.destroy();

export { listDevices };

export async function webgpuAdapter(): Promise<string | undefined> {
  const adapter = await navigator.gpu?.requestAdapter();
  return adapter ? `${adapter.info.vendor} ${adapter.info.architecture}` : undefined;
}

let model: AirModel | undefined;
const open = (): AirModel => {
  if (!model) throw new Error("load a model first");
  return model;
};

export interface Loaded {
  readonly device: string;
  readonly notices: string[];
  readonly progress: LoadProgress[];
}

/** @param abortAfter bytes of the download */
export async function load(url: string, options: Plain<LoadOptions>, abortAfter?: number): Promise<Loaded> {
  const notices: string[] = [];
  const progress: LoadProgress[] = [];
  const controller = new AbortController();
  model = await AirModel.fromPretrained(url, {
    ...options,
    signal: controller.signal,
    onNotice: (line) => notices.push(line),
    onProgress: (report) => {
      progress.push(report);
      if (abortAfter !== undefined && report.loadedBytes >= abortAfter) controller.abort(new Error("enough"));
    },
  });
  return { device: model.device, notices, progress };
}

/** Returns the model's name. */
export const download = async (url: string): Promise<string> => (await downloadModel(url)).name;

export const dispose = (): Promise<void> => open().dispose();

export async function infer(
  images: Float32Array,
  options: { batchSize?: number; mode?: "sample" } = {},
): Promise<Scene[]> {
  return open().infer(images, options);
}

/** Infers one picture of any size, given in every way that a page has one; returns the objects' boxes by the kind of source. */
export async function inferSources(address: string): Promise<Record<string, { width: number; boxes: number[][] }>> {
  const blob = await (await fetch(address)).blob();
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const canvas = document.createElement("canvas");
  const offscreen = new OffscreenCanvas(width, height);
  const contexts = [canvas, offscreen].map((each) => {
    each.width = width;
    each.height = height;
    const context = each.getContext("2d") as CanvasRenderingContext2D;
    context.drawImage(bitmap, 0, 0);
    return context;
  });
  const image = new Image();
  image.src = address;
  const found = async (source: Parameters<typeof countObjects>[1]) => {
    const scene = await countObjects(open(), source);
    const boxes = scene.objects.map(({ tightBox: { xmin, ymin, xmax, ymax } }) => [xmin, ymin, xmax, ymax]);
    return { width: scene.width, boxes };
  };
  const sources = {
    address,
    URL: new URL(address, location.href),
    Blob: blob,
    File: new File([blob], "picture.png"),
    bytes: new Uint8Array(await blob.arrayBuffer()),
    ImageBitmap: bitmap,
    HTMLCanvasElement: canvas,
    OffscreenCanvas: offscreen,
    HTMLImageElement: image,
    ImageData: contexts[0]!.getImageData(0, 0, width, height),
  };
  const results: Record<string, { width: number; boxes: number[][] }> = {};
  for (const [name, source] of Object.entries(sources)) results[name] = await found(source);
  const [first] = await open().infer([blob, bitmap]);
  results.array = { width: first!.width, boxes: results.Blob!.boxes };
  return results;
}

/** Errors of pictures that cannot be read, and of an option that there is not. */
export async function wrongSources(missing: string): Promise<string[]> {
  const calls = [
    () => open().infer(missing),
    () => open().infer(new Blob(["no image"])),
    () => open().infer(new OffscreenCanvas(0, 0)),
    () => open().infer([new Float32Array(4) as never]),
    () => open().infer(null as never),
    () => open().infer(new Blob([]), { treshold: 1 } as object),
    () => open().infer(new ImageData(7, 7), { fit: "tiles", treshold: 1 } as object),
  ];
  return Promise.all(calls.map((call) => call().then(() => "no error", String)));
}

/** How far an inference of a picture in many tiles is, as it reports it. */
export async function pictureProgress(address: string): Promise<number[][]> {
  const reports: number[][] = [];
  await open().infer([address, address], { onProgress: (done, total) => void reports.push([done, total]) });
  return reports;
}

export async function steps(images: Float32Array): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  await open().infer(images, { onStep: (report) => void reports.push(report), earlyStop: false });
  return reports;
}

/** Infers and aborts, or throws, at the first step. */
export async function inferUntilFirstStep(images: Float32Array, how: "abort" | "throw"): Promise<string[]> {
  const controller = new AbortController();
  const seen: string[] = [];
  const reason = new Error("seen enough");
  await open()
    .infer(images, {
      signal: controller.signal,
      earlyStop: false,
      onStep: ({ step }) => {
        seen.push(`step ${step}`);
        if (how === "throw") throw reason;
        controller.abort(reason);
      },
    })
    .catch((error) => seen.push(error === reason ? "rejected with the reason" : String(error)));
  return seen;
}

/** Awaits the disposal of the model at the first step. Returns the call's error, and that of another call. */
export async function disposeInStep(images: Float32Array): Promise<string[]> {
  const call = open().infer(images, { onStep: () => open().dispose() });
  const name = (error: Error): string => error.name;
  return [
    await call.then(() => "no error", name),
    await open()
      .infer(images)
      .then(() => "no error", name),
  ];
}

/** Infers the same batch twice: the caller's array must stay usable. */
export async function inferTwice(images: Float32Array): Promise<number[]> {
  const batch = Float32Array.from(images);
  await open().infer(batch);
  await open().infer(batch);
  return [batch.length, images.length];
}

export async function redraw(images: Float32Array): Promise<number> {
  const scenes = await open().infer(images);
  const drawn = await open().decode(scenes);
  return Math.max(
    ...drawn.flatMap(({ reconstruction }, i) => maxDifference(reconstruction, scenes[i]!.reconstruction)),
  );
}

/** Makes several calls at the same time. */
export async function atOnce(images: Float32Array): Promise<Scene[][]> {
  const [first, second] = await Promise.all([
    open().infer(images),
    open().infer(images),
    open().sample(2, { count: 1 }),
  ]);
  return [first, second];
}

export async function sampleCounts(n: number, count: number): Promise<number[]> {
  return (await open().sample(n, { count, seed: 1 })).map((scene) => scene.count);
}

export async function evidence(images: Float32Array, samples: number) {
  const progress: number[] = [];
  const measured = await open().evidence(images, { samples, onProgress: (done) => progress.push(done) });
  return { measured, progress };
}

export async function wrongCalls(): Promise<string[]> {
  const calls = [
    () => open().infer({ data: new Uint8Array(9), width: 3, height: 3, channels: 1 }),
    () => open().sample(-1),
    () => open().decode([{ objects: [{ zWhere: [1, 0, 0], zWhat: [1] }] }]),
  ];
  return Promise.all(calls.map((call) => call().then(() => "no error", String)));
}

/** Opens and closes a model repeatedly; returns the memory after every ten times. */
export async function reopen(
  url: string,
  options: Plain<LoadOptions>,
  times: number,
  images: Float32Array,
): Promise<number[]> {
  const sizes: number[] = [];
  for (let i = 1; i <= times; i++) {
    const each = await AirModel.fromPretrained(url, options);
    await each.infer(images);
    await each.dispose();
    if (i % 10 === 0) sizes.push(wasmBytes());
  }
  return sizes;
}

/** A graph's inputs and what Node made of them, in the order of one binary file. */
export interface GraphCase {
  readonly feeds: readonly TensorPlace[];
  readonly results: readonly TensorPlace[];
}
export interface TensorPlace {
  readonly name: string;
  readonly dims: readonly number[];
}

/** Largest differences of an output's values: absolute, and relative to each value. */
export interface Difference {
  readonly absolute: number;
  readonly relative: number;
}

/** Runs a graph in onnxruntime-web by itself; returns the largest differences of each output from Node's. */
export async function graphDifferences(
  device: "wasm" | "webgpu",
  graph: string,
  data: string,
  { feeds, results }: GraphCase,
) {
  const ort = device === "wasm" ? await import("onnxruntime-web/wasm") : await import("onnxruntime-web/webgpu");
  ort.env.wasm.numThreads = 1;
  const values = new Float32Array(await (await fetch(data)).arrayBuffer());
  let at = 0;
  const next = ({ dims }: TensorPlace): Float32Array => {
    const size = dims.reduce((product, side) => product * side, 1);
    at += size;
    return values.subarray(at - size, at);
  };
  const inputs = Object.fromEntries(feeds.map((feed) => [feed.name, new ort.Tensor("float32", next(feed), feed.dims)]));
  const bytes = new Uint8Array(await (await fetch(graph)).arrayBuffer());
  const session: InferenceSession = await ort.InferenceSession.create(bytes, {
    executionProviders: [device],
    logSeverityLevel: 3,
  });
  const found = await session.run(inputs);
  const differences = results.map((result) => {
    const expected = next(result);
    const values = (found[result.name] as Tensor).data as Float32Array;
    const relative = values.reduce((worst, value, i) => Math.max(worst, Math.abs(value / expected[i]! - 1)), 0);
    return [result.name, { absolute: maxDifference(values, expected), relative } satisfies Difference] as const;
  });
  await session.release();
  return Object.fromEntries(differences);
}

/** Loads a graph on WebGPU with a log of where its nodes are; the log goes to the console. */
export async function logPlacements(graph: string): Promise<void> {
  const ort = await import("onnxruntime-web/webgpu");
  const bytes = new Uint8Array(await (await fetch(graph)).arrayBuffer());
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ["webgpu"],
    logSeverityLevel: 0,
    logVerbosityLevel: 1,
  });
  await session.release();
}

function maxDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((worst, value, i) => {
    const difference = Math.abs(value - b[i]!);
    return difference <= worst ? worst : difference;
  }, 0);
}
