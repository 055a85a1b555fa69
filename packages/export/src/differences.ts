/** The differences between values that two programs computed, and whether they are within a tolerance. */
import { type AirConfig, GraphOutputError } from "@air-onnx/core";

/** The largest differences of one output over all images. */
export interface ParityRow {
  /** `encoder`, `step` or `decoder`; `loop` for the scenes that the runtime returns. */
  readonly graph: string;
  /** Name of the graph's output, or of the scene's field. */
  readonly output: string;
  /** Largest |onnxruntime - tfjs|. */
  readonly maxAbsolute: number;
  /** Largest |onnxruntime - tfjs| / max(|tfjs|, 1e-3). */
  readonly maxRelative: number;
  /** Whether all differences are within the tolerance. */
  readonly within: boolean;
}

/**
 * Factor of the tolerance over the whole loop. The rounding of a step changes the input of the next, through the window
 * and the remainder, so differences grow from step to step.
 */
const LOOP_ALLOWANCE = 10;

/** Smallest magnitude that relative differences divide by, so that values near zero do not make them huge. */
const SMALLEST_MAGNITUDE = 1e-3;

/** What is compared after all steps. */
const WHOLE_LOOP = ["loop", "scene"];

/** Keeps the largest difference of each output. */
export class Differences {
  readonly #tolerance: number;
  readonly #summedMagnitudes: Readonly<Record<string, number>>;
  readonly #rows = new Map<
    string,
    { graph: string; output: string; absolute: number; relative: number; within: boolean }
  >();

  /**
   * @param tolerance largest allowed difference; see `ParityOptions`
   * @param summedMagnitudes magnitude of the terms that cancel in an output, by its name
   */
  constructor(tolerance: number, summedMagnitudes: Readonly<Record<string, number>>) {
    this.#tolerance = tolerance;
    this.#summedMagnitudes = summedMagnitudes;
  }

  /** Compares all outputs of a graph. */
  add(graph: string, { tfjs, onnx }: Readonly<Record<"tfjs" | "onnx", Readonly<Record<string, Float32Array>>>>): void {
    for (const [output, expected] of Object.entries(tfjs)) this.compare(graph, output, onnx[output]!, expected);
  }

  /**
   * Compares values of an output.
   *
   * @throws {GraphOutputError} if there are not as many of either
   */
  compare(graph: string, output: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    if (actual.length !== expected.length) {
      throw new GraphOutputError(
        `${graph}.${output} has ${actual.length} values in onnxruntime, ${expected.length} in tfjs`,
        { kind: "shape", output: `${graph}.${output}` },
      );
    }
    const key = `${graph}.${output}`;
    const row = this.#rows.get(key) ?? { graph, output, absolute: 0, relative: 0, within: true };
    this.#rows.set(key, row);
    const least = Math.max(1, this.#summedMagnitudes[output] ?? 0) * (WHOLE_LOOP.includes(graph) ? LOOP_ALLOWANCE : 1);
    for (let i = 0; i < expected.length; i++) {
      const magnitude = Math.abs(expected[i]!);
      const absolute = Math.abs(actual[i]! - expected[i]!);
      row.absolute = Math.max(row.absolute, absolute);
      row.relative = Math.max(row.relative, absolute / Math.max(magnitude, SMALLEST_MAGNITUDE));
      // NaN compares as false, so it is a failure.
      if (!(absolute <= this.#tolerance * Math.max(least, magnitude))) row.within = false;
    }
  }

  /** The outputs that were compared. */
  rows(): ParityRow[] {
    return [...this.#rows.values()].map(({ graph, output, absolute, relative, within }) => ({
      graph,
      output,
      maxAbsolute: absolute,
      maxRelative: relative,
      within,
    }));
  }
}

/** Magnitude of the terms that cancel in an output, by its name: the log-normaliser of the Gaussian likelihood. */
export function summedMagnitudes({ channels, imageSize, likelihood }: AirConfig): Record<string, number> {
  if (likelihood.type !== "gaussian") return {};
  const normaliser = Math.abs(channels * imageSize ** 2 * Math.log(likelihood.std * Math.sqrt(2 * Math.PI)));
  return { log_likelihood: normaliser, elbo: normaliser };
}
