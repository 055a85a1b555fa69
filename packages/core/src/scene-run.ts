/** One run of the scene graph: a batch of images in, all steps' values out, checked. */
import { Tensor } from "onnxruntime-common";
import { type StepValues, stepValues } from "./attended-image.js";
import type { AirConfig } from "./config.js";
import { GraphOutputError } from "./errors.js";
import { disposeTensors, type GraphResults, type GraphSession, readOutput } from "./graph-run.js";
import { graphSignatures, type SceneValueName, sceneValueNames } from "./graphs.js";
import type { StepNoise } from "./recurrence.js";
import { ofAllSteps, sceneNames } from "./scene-graph.js";

export interface SceneRun {
  /** `[B, C, S, S]` */
  readonly images: Float32Array;
  /** `[maxSteps, B, …]` */
  readonly noise: StepNoise;
  /** Below which R_t of an image ends its steps, `[B]`. */
  readonly stopBelow: Float32Array;
  readonly maxSteps: number;
  /** Number that errors give to the first image. */
  readonly firstImage: number;
}

/**
 * The graph multiplies probabilities in float32: so much lower it stops, that it never does where float64 goes on.
 */
const ROUNDING = 1e-5;

const OUTPUTS = [sceneNames.emptyLogLikelihood, ...sceneValueNames.map(ofAllSteps)];

/**
 * Runs all steps that any of the images needs.
 *
 * @returns log p(image | empty canvas), `[B]`, and the values of each step
 * @throws {GraphOutputError} if an output is missing, of a wrong shape, NaN or infinite
 */
export async function runScene(
  session: GraphSession,
  config: AirConfig,
  { images, noise, stopBelow, maxSteps, firstImage }: SceneRun,
): Promise<{ emptyLogLikelihood: Float32Array; steps: StepValues[] }> {
  const { inputs, outputs } = graphSignatures(config).step;
  const batch = stopBelow.length;
  const float = (data: Float32Array, dims: readonly number[]): Tensor => new Tensor("float32", data, dims);
  const results = (await session.run(
    {
      image: float(images, [batch, ...inputs.image]),
      [sceneNames.epsWhere]: float(noise.where, [maxSteps, batch, ...inputs.eps_where]),
      [sceneNames.epsWhat]: float(noise.what, [maxSteps, batch, ...inputs.eps_what]),
      [sceneNames.maxSteps]: new Tensor("int64", BigInt64Array.of(BigInt(maxSteps)), []),
      [sceneNames.stopBelow]: float(
        stopBelow.map((bound) => bound * (1 - ROUNDING)),
        [batch],
      ),
    },
    OUTPUTS,
  )) as GraphResults;
  try {
    for (const name of OUTPUTS) {
      if (name in results) continue;
      const output = `output "${name}" of the scene graph`;
      throw new GraphOutputError(`The scene graph did not return its output "${name}"`, { kind: "missing", output });
    }
    const emptyLogLikelihood = await readOutput(
      results[sceneNames.emptyLogLikelihood]!,
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
