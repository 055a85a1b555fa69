/** The parts of a batch beside the one that the training's own thread computes: their threads, and the sum of all gradients. */
import type { NamedArrays } from "@air-onnx/trainer";
import type { StateKernels } from "../optimizer/adam-kernel.js";
import type { ClipGroup } from "../train-step.js";
import { allDone } from "./all-done.js";
import { type GradientSetup, GradientWorker } from "./gradient-worker.js";
import type { StateMemory } from "./state-memory.js";
import { type GradientVariable, metricOutput } from "./traced-step.js";

/** Metrics of one step by name. */
export type StepMetrics = Readonly<Record<string, number>>;
/** For each clip group, the factor by which gradients have to be multiplied. */
export type ClipFactors = Readonly<Partial<Record<ClipGroup, number>>>;

/** What the other parts are computed with. */
export interface OtherPartsSetup extends Pick<GradientSetup, "graph" | "threads" | "perStep"> {
  /** Every parameter. */
  readonly parameters: readonly GradientVariable[];
  /** Names of the metrics, `gradientNorm` among them. */
  readonly metrics: readonly string[];
  /** Holds the parameters and the gradients of the training's own part, with room for those of another part. */
  readonly state: StateMemory;
  /** The loops over that memory. */
  readonly kernels: StateKernels;
  /** Largest norm of the gradients of a clip group. */
  readonly clipNorm: number;
}

/** The threads of the other parts. */
export class OtherParts {
  readonly #workers: readonly GradientWorker[];
  readonly #shared: Float32Array;
  readonly #setup: OtherPartsSetup;

  private constructor(workers: readonly GradientWorker[], shared: Float32Array, setup: OtherPartsSetup) {
    this.#workers = workers;
    this.#shared = shared;
    this.#setup = setup;
  }

  /**
   * Starts `count` threads.
   *
   * @throws {Error} if a thread cannot be started; the others are ended
   */
  static async start(count: number, setup: OtherPartsSetup): Promise<OtherParts> {
    const { graph, threads, perStep, parameters, metrics, state } = setup;
    const sharedParameters = new SharedArrayBuffer(state.kindBytes);
    const workers = Array.from(
      { length: count },
      () =>
        new GradientWorker({
          graph,
          threads,
          perStep,
          parameters: parameters.map(({ name, input, output, shape }) => ({
            input,
            output,
            shape,
            begin: state.places.get(name)!.parameter / Float32Array.BYTES_PER_ELEMENT,
          })),
          metrics: metrics.map((name) => ({ name, output: metricOutput(name) })),
          sharedParameters,
          sharedGradients: new SharedArrayBuffer(state.kindBytes),
        }),
    );
    const parts = new OtherParts(workers, new Float32Array(sharedParameters), setup);
    try {
      await allDone(workers.map(({ ready }) => ready));
      return parts;
    } catch (cause) {
      await parts.close();
      throw cause;
    }
  }

  /**
   * Computes the gradients of parts 1, 2, … with the parameters as they are now.
   *
   * @param inputsOf returns the inputs of a part
   * @returns the metrics of each part
   * @throws {Error} if a graph fails or a thread has ended; by then no thread computes
   */
  async compute(inputsOf: (part: number) => NamedArrays): Promise<StepMetrics[]> {
    this.#shared.set(this.#setup.state.allParameters);
    const computing = this.#workers.map((worker, i) => {
      // The arrays are handed over, so they must not be views of what the caller keeps.
      const own = Object.entries(inputsOf(i + 1)).map(([name, data]) => [name, data.slice()] as const);
      return worker.compute(Object.fromEntries(own));
    });
    return allDone(computing);
  }

  /**
   * Adds the gradients that {@link compute} left to those of the training's own part.
   *
   * @param own metrics of that part
   * @param others metrics of the others
   * @returns metrics of the whole batch, and the factors that make the sums its clipped gradients
   */
  combine(own: StepMetrics, others: readonly StepMetrics[]): { metrics: StepMetrics; clips: ClipFactors } {
    const { parameters, state, kernels, clipNorm } = this.#setup;
    const incoming = state.incoming!;
    for (const { gradients } of this.#workers) {
      incoming.data.set(gradients);
      kernels.add(state.gradientsAddress, incoming.address, state.kindBytes);
    }
    const all = [own, ...others];
    const norms = new Map<ClipGroup, number>();
    for (const { name, clipGroup } of parameters) {
      const { gradient, bytes } = state.places.get(name)!;
      const norm = Math.sqrt(kernels.squares(gradient, bytes)) / all.length;
      norms.set(clipGroup, Math.hypot(norms.get(clipGroup) ?? 0, norm));
    }
    const mean = (name: string): number => all.reduce((sum, each) => sum + each[name]!, 0) / all.length;
    return {
      metrics: {
        ...Object.fromEntries(Object.keys(own).map((name) => [name, mean(name)])),
        gradientNorm: norms.get("model")!,
      },
      clips: Object.fromEntries(
        [...norms].map(([group, norm]) => [group, clipNorm / Math.max(norm, clipNorm) / all.length]),
      ),
    };
  }

  /** Ends the threads, none of which may be computing. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}
