/**
 * The matmul peak: the rate of large matrix products on a backend, measured in the same process and through the same
 * library as the training step or inference that is compared with it.
 */
import type { Device } from "@air-onnx/runtime-node";
import { InferenceSession, Tensor } from "@air-onnx/runtime-node/onnxruntime";
import { encodeGraph, type NamedTensors, trace } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";
import { trainingSessionOptions } from "../engine/session-options.js";
import { type EagerBackend, useEagerBackend } from "../engine/tfjs-backends.js";

/** The highest rate of matrix products that was measured on a backend. */
export interface MatmulPeak {
  /** Rate of the fastest run, 10⁹ floating-point operations a second. */
  readonly gigaflopsPerSecond: number;
  /** Side of the square matrices of the fastest run. */
  readonly size: number;
}

/** Sides of the square matrices that are tried, smallest first, until a run takes {@link LONG_ENOUGH}. */
const SIZES = [128, 256, 512, 1024, 2048, 4096] as const;
/**
 * Number of products in one run, each of the previous result, so that the time of copies to and from a device is small.
 */
const CHAIN = 8;
/** Milliseconds of a run after which no larger size is tried: it would take eight times as long. */
const LONG_ENOUGH = 100;
const REPEATS = 3;

/** The chain of products for one side, ready to run. */
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

/** The sum of the elements of a · b · b · …, one number that is quick to copy from a device. */
function chain({ a, b }: NamedTensors): { sum: tf.Tensor } {
  let product = a!;
  for (let i = 0; i < CHAIN; i++) product = tf.matMul(product, b!);
  return { sum: tf.sum(product) };
}

async function peakOf(prepare: (data: Float32Array, size: number) => Promise<Product>): Promise<MatmulPeak> {
  let peak: MatmulPeak = { gigaflopsPerSecond: 0, size: 0 };
  for (const size of SIZES) {
    // With elements 1/size every product is the same matrix: nothing overflows or becomes denormal.
    const product = await prepare(new Float32Array(size * size).fill(1 / size), size);
    let least = Number.POSITIVE_INFINITY;
    try {
      // The first run warms up.
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
