/**
 * The rate of a large matrix product on a backend: the ceiling that a training step or an inference is measured against, taken
 * in the same process through the same library.
 */
import type { Device } from "@air-onnx/runtime-node";
import { InferenceSession, Tensor } from "@air-onnx/runtime-node/onnxruntime";
import { encodeGraph, type NamedTensors, trace } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";
import { trainingSessionOptions } from "../engine/session-options.js";
import { type EagerBackend, useEagerBackend } from "../engine/tfjs-backends.js";

export interface MatmulPeak {
  /** Of the fastest run. */
  readonly gigaflopsPerSecond: number;
  /** Side of its matrices. */
  readonly size: number;
}

/** Sides that are tried, smallest first, until one takes long enough. */
const SIZES = [128, 256, 512, 1024, 2048, 4096] as const;
/** Products in one run, each of the last one's result, so that what goes to a device and back is little beside them. */
const CHAIN = 8;
/** Milliseconds of a run that are long enough: the next size would take eight times as long. */
const LONG_ENOUGH = 100;
const REPEATS = 3;

/** The product for one side, ready to run. */
interface Product {
  /** Resolves when the result is in memory. */
  run(): Promise<unknown>;
  release(): Promise<void>;
}

/** The peak of onnxruntime on `device`. */
export function onnxruntimePeak(device: Device, threads = 0): Promise<MatmulPeak> {
  return peakOf(async (data, size) => {
    const traced = trace(chain, { inputs: { a: { shape: [size, size] }, b: { shape: [size, size] } } });
    const session = await InferenceSession.create(encodeGraph(traced), trainingSessionOptions(threads, device));
    const tensor = new Tensor("float32", data, [size, size]);
    const feeds = { a: tensor, b: tensor };
    return { run: () => session.run(feeds), release: () => session.release() };
  });
}

/** The peak of a tfjs backend. */
export async function eagerPeak(backend: EagerBackend): Promise<MatmulPeak> {
  await useEagerBackend(backend);
  return peakOf(async (data, size) => {
    const matrix = tf.tensor2d(data, [size, size]);
    return {
      async run() {
        const { sum } = tf.tidy(() => chain({ a: matrix, b: matrix }));
        await sum.data();
        sum.dispose();
      },
      release: async () => matrix.dispose(),
    };
  });
}

/** A row of products that end in one number. */
function chain({ a, b }: NamedTensors): { sum: tf.Tensor } {
  let product = a!;
  for (let i = 0; i < CHAIN; i++) product = tf.matMul(product, b!);
  return { sum: tf.sum(product) };
}

async function peakOf(prepare: (data: Float32Array, size: number) => Promise<Product>): Promise<MatmulPeak> {
  let peak: MatmulPeak = { gigaflopsPerSecond: 0, size: 0 };
  for (const size of SIZES) {
    // Powers of 1/size neither overflow nor become denormal within the chain.
    const product = await prepare(new Float32Array(size * size).fill(1 / size), size);
    let least = Number.POSITIVE_INFINITY;
    try {
      // The first warms up.
      for (let repeat = 0; repeat <= REPEATS; repeat++) {
        const began = performance.now();
        await product.run();
        if (repeat > 0) least = Math.min(least, performance.now() - began);
      }
    } finally {
      await product.release();
    }
    const gigaflopsPerSecond = (2 * CHAIN * size ** 3) / least / 1e6;
    if (gigaflopsPerSecond > peak.gigaflopsPerSecond) peak = { gigaflopsPerSecond, size };
    if (least > LONG_ENOUGH) break;
  }
  return peak;
}
