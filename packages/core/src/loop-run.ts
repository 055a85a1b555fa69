/** Runs the loop graph: a batch of images in, the checked values of all steps out. */
import { Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { GraphOutputError } from "./errors.js";
import { disposeTensors, type GraphResults, type GraphSession, readOutput } from "./graph-run.js";
import { graphSignatures, type SceneValueName, sceneValueNames } from "./graphs.js";
import { loopNames, ofAllSteps } from "./loop-graph.js";
import type { TrajectoryNoise } from "./recurrence.js";
import { type StepValues, stepValues } from "./scene-builder.js";

/** Inputs of a run of the loop graph. */
export interface LoopRun {
  /** Intensities in [0, 1], `[B, C, S, S]`. */
  readonly images: Float32Array;
  /** Noise of the latents, `[maxSteps, B, …]`. */
  readonly noise: TrajectoryNoise;
  /** Value of R_t below which an image needs no further step, `[B]`. */
  readonly stopBelow: Float32Array;
  /** Most steps. */
  readonly maxSteps: number;
  /** Number of the first image in error messages. */
  readonly firstImage: number;
}

/**
 * Relative amount by which the graph's thresholds are lowered. The graph multiplies probabilities in float32, and must
 * never stop where the same product in float64 would go on.
 */
const ROUNDING = 1e-5;

const OUTPUTS = [loopNames.emptyLogLikelihood, ...sceneValueNames.map(ofAllSteps)];

/**
 * Runs all steps that any image of the batch needs.
 *
 * @returns log p(image | empty canvas), `[B]`, and the values of each step
 * @throws {GraphOutputError} if an output is missing, of a wrong shape, NaN or infinite
 */
export async function runLoop(
  session: GraphSession,
  config: AirConfig,
  { images, noise, stopBelow, maxSteps, firstImage }: LoopRun,
): Promise<{ emptyLogLikelihood: Float32Array; steps: StepValues[] }> {
  const { inputs, outputs } = graphSignatures(config).step;
  const batch = stopBelow.length;
  const float = (data: Float32Array, dims: readonly number[]): Tensor => new Tensor("float32", data, dims);
  const results = (await session.run(
    {
      image: float(images, [batch, ...inputs.image]),
      [loopNames.epsWhere]: float(noise.where, [maxSteps, batch, ...inputs.eps_where]),
      [loopNames.epsWhat]: float(noise.what, [maxSteps, batch, ...inputs.eps_what]),
      [loopNames.maxSteps]: new Tensor("int64", BigInt64Array.of(BigInt(maxSteps)), []),
      [loopNames.stopBelow]: float(
        stopBelow.map((bound) => bound * (1 - ROUNDING)),
        [batch],
      ),
    },
    OUTPUTS,
  )) as GraphResults;
  try {
    for (const name of OUTPUTS) {
      if (name in results) continue;
      const output = `output "${name}" of the loop graph`;
      throw new GraphOutputError(`The loop graph did not return its output "${name}"`, { kind: "missing", output });
    }
    const emptyLogLikelihood = await readOutput(
      results[loopNames.emptyLogLikelihood]!,
      `output "log_likelihood" of the encoder graph`,
      [batch],
      (image) => ({ image: firstImage + image }),
    );
    const taken = results[ofAllSteps("presence_logit")]!.dims[0]!;
    const values = {} as Record<SceneValueName, Float32Array>;
    for (const name of sceneValueNames) {
      const shape = [taken, batch, ...outputs[name]];
      const size = shape.slice(2).reduce((product, side) => product * side, 1);
      values[name] = await readOutput(
        results[ofAllSteps(name)]!,
        `output "${name}" of the step graph`,
        shape,
        (index) => ({
          image: firstImage + (Math.floor(index / size) % batch),
          step: Math.floor(index / size / batch) + 1,
        }),
      );
    }
    const ofStep = (t: number): StepValues =>
      stepValues(
        Object.fromEntries(
          sceneValueNames.map((name) => {
            const size = values[name].length / taken;
            return [name, values[name].subarray(t * size, (t + 1) * size)];
          }),
        ) as Record<SceneValueName, Float32Array>,
      );
    return {
      emptyLogLikelihood,
      steps: Array.from({ length: taken }, (_, t) => ofStep(t)),
    };
  } finally {
    disposeTensors(results);
  }
}
