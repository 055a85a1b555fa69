/**
 * The speed of an exported model's inference by device and batch size, and the nodes that a device leaves to the CPU.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type AirConfig, graphNames, graphSignatures, RandomStream } from "@air-onnx/core";
import { AirModel, cpuNodes, type Device, placeNodes } from "@air-onnx/runtime-node";
import { type InputSpec, trace } from "@air-onnx/tracer";
import { graphFunctions } from "../model/graphs.js";
import { parameterShapes } from "../model/parameters.js";
import { type MatmulPeak, onnxruntimePeak } from "./matmul-peak.js";
import { matrixWork } from "./matrix-work.js";
import { type Rates, ratesOf } from "./rates.js";

/** The speed of inference for one batch, from images in memory to scenes. */
export interface InferenceSpeed extends Rates {
  /** Device of onnxruntime that ran the graphs. */
  readonly device: Device;
  /** Images of one call. */
  readonly batchSize: number;
}

/** The nodes of a graph that a device leaves to the CPU. */
export interface CpuNodes {
  /** Device of onnxruntime that the graph was opened for. */
  readonly device: Device;
  /** Name of the graph: `encoder`, `step` or `decoder`. */
  readonly graph: string;
  /** Number of all nodes of the graph. */
  readonly total: number;
  /** Number of nodes on the CPU, by operator. */
  readonly cpu: Readonly<Record<string, number>>;
}

/** Options of {@link measureInference}. */
export interface InferenceSpeedOptions {
  /** Devices to measure. */
  readonly devices: readonly Device[];
  /** Batch sizes to measure on each device. */
  readonly batchSizes: readonly number[];
  /** Timed calls for each device and batch size, after one that warms up. */
  readonly repeats: number;
  /** Threads of one operator on the CPU; 0 lets onnxruntime choose. */
  readonly threads: number;
  /** Stops before the next call. */
  readonly signal?: AbortSignal | undefined;
  /** Called with what is measured next, in words. */
  readonly onProgress?: (what: string) => void;
}

/**
 * Measures the time of `infer` with all steps of the model: early stopping is off.
 *
 * @param location folder of an exported model
 * @returns the speeds, and the nodes that each device other than the CPU leaves to it
 * @throws {DeviceUnavailableError} if one of the devices cannot run on this machine
 * @throws {ModelFileError} if the model cannot be loaded
 */
export async function measureInference(
  location: string,
  { devices, batchSizes, repeats, threads, signal, onProgress = () => {} }: InferenceSpeedOptions,
): Promise<{ speeds: InferenceSpeed[]; placements: CpuNodes[] }> {
  const opened: AirModel[] = [];
  const contenders: { device: Device; model: AirModel; peak: MatmulPeak }[] = [];
  const placements: CpuNodes[] = [];
  const speeds: InferenceSpeed[] = [];
  try {
    for (const device of devices) {
      signal?.throwIfAborted();
      onProgress(`matrix products on ${device}`);
      const model = await AirModel.fromPretrained(location, {
        device,
        probeApart: true,
        ...(threads > 0 ? { threads } : {}),
        signal,
      });
      opened.push(model);
      contenders.push({ device, model, peak: await onnxruntimePeak(device, threads) });
      if (device === "cpu") continue;
      for (const graph of graphNames) {
        const bytes = await readFile(join(location, model.manifest.files[graph].path));
        placements.push({ device, graph, ...cpuNodes(await placeNodes(bytes, device)) });
      }
    }
    for (const batchSize of batchSizes) {
      const times = contenders.map((): number[] => []);
      for (let round = 0; round <= repeats; round++) {
        for (const [i, { device, model }] of contenders.entries()) {
          signal?.throwIfAborted();
          onProgress(`${device}, batch ${batchSize}: ${round === 0 ? "warm-up" : `call ${round} of ${repeats}`}`);
          const images = noise(model.config, batchSize);
          const began = performance.now();
          await model.infer(images, { earlyStop: false, batchSize });
          if (round > 0) times[i]!.push(performance.now() - began);
        }
      }
      for (const [i, { device, model, peak }] of contenders.entries()) {
        const work = batchSize * workPerImage(model.config);
        speeds.push({ device, batchSize, ...ratesOf(times[i]!, batchSize, work, peak) });
      }
    }
  } finally {
    for (const model of opened) await model.dispose();
  }
  return { speeds, placements };
}

/** Floating-point operations of the matrix products and convolutions for the inference of one image. */
function workPerImage(config: AirConfig): number {
  const signatures = graphSignatures(config);
  const workOf = (graph: "encoder" | "step"): number => {
    const one = (shapes: Readonly<Record<string, readonly number[]>>, ...first: number[]): [string, InputSpec][] =>
      Object.entries(shapes).map(([name, shape]) => [name, { shape: [...first, ...shape] }]);
    const inputs = Object.fromEntries([...one(parameterShapes(config)), ...one(signatures[graph].inputs, 1)]);
    return matrixWork(trace((tensors) => ({ ...graphFunctions(tensors, config)[graph](tensors) }), { inputs }));
  };
  return workOf("encoder") + config.maxSteps * workOf("step");
}

function noise({ channels, imageSize }: AirConfig, batchSize: number): Float32Array {
  const stream = new RandomStream(0);
  return new Float32Array(batchSize * channels * imageSize ** 2).map(() => stream.uniform());
}
