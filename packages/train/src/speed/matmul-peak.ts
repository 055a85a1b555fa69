/**
 * The matmul peak: the rate of large matrix products on a backend, measured in the same process and through the same
 * library as the training step or inference that is compared with it. The operands are made on the device or stay there, so
 * that no copy to a device is measured.
 */
import type { Device } from "@air-onnx/runtime-node";
import { InferenceSession, Tensor } from "@air-onnx/runtime-node/onnxruntime";
import { encodeGraph, type TracedGraph, trace } from "@air-onnx/tracer";
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
/** Number of products in one run, each of the previous result, so that the time of starting a run and waiting is small. */
export const CHAIN = 8;
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
  return peakOf(async (size) => {
    const session = await InferenceSession.create(
      encodeGraph(traceProducts(size)),
      trainingSessionOptions(threads, device),
    );
    const half = new Float32Array(size).fill(1 / (2 * size));
    const feeds = { column: new Tensor("float32", half, [size, 1]), row: new Tensor("float32", half, [1, size]) };
    return { run: () => session.run(feeds), release: () => session.release() };
  });
}

/**
 * The products of one run as a graph. The matrix is made on the device, of a column and a row that are added, and one
 * element of the result is returned: what crosses between the CPU and a device is nothing beside the products.
 *
 * @param size side n of the square matrices: the inputs `column` and `row` are `[n, 1]` and `[1, n]`
 */
export function traceProducts(size: number): TracedGraph {
  return trace(({ column, row }) => ({ element: chain(tf.add(column!, row!)) }), {
    inputs: { column: { shape: [size, 1] }, row: { shape: [1, size] } },
  });
}

/** The peak of a tfjs backend. */
export async function eagerPeak(backend: EagerBackend): Promise<MatmulPeak> {
  await useEagerBackend(backend);
  return peakOf(async (size) => {
    // The run that warms up takes the matrix to the device, where it stays.
    const matrix = tf.tensor2d(new Float32Array(size * size).fill(1 / size), [size, size]);
    return {
      async run() {
        const element = tf.tidy(() => chain(matrix));
        await element.data();
        element.dispose();
      },
      release: async () => matrix.dispose(),
    };
  });
}

/** The first element of a · a · a · …, `[1, 1]`. A sum would be slow on a GPU beside the products. */
function chain(matrix: tf.Tensor): tf.Tensor {
  let product = matrix;
  for (let i = 0; i < CHAIN; i++) product = tf.matMul(product, matrix);
  return tf.slice(product, [0, 0], [1, 1]);
}

/** @param prepare makes the products of n x n matrices, all of whose elements are 1/n */
async function peakOf(prepare: (size: number) => Promise<Product>): Promise<MatmulPeak> {
  let peak: MatmulPeak = { gigaflopsPerSecond: 0, size: 0 };
  for (const size of SIZES) {
    // With elements 1/size every product is the same matrix: nothing overflows or becomes denormal.
    const product = await prepare(size);
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
