/** Runs the scene graph: a batch of images in, the checked values of the steps out. */
import { Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { freeBuffers } from "./free-buffers.js";
import { allFinite, checkFinite, type GraphSession, readOutput, runGraph, shaped } from "./graph-run.js";
import { graphSignatures, type SceneValueName, sceneValueNames } from "./graphs.js";
import { type SceneBuilder, type StepValues, stepValues } from "./scene-builder.js";
import { type StepOutputName, sceneGraphNames, stepNumbers, stepOutput, stepOutputNames } from "./scene-graph.js";

/** Inputs of a run of the scene graph. */
export interface SceneRun {
  readonly config: AirConfig;
  /** Intensities in [0, 1], `[B, C, S, S]`. */
  readonly images: Float32Array;
  /** Builders of the images' scenes, which are given the steps, `[B]`. */
  readonly builders: readonly SceneBuilder[];
  /** Number of the first image in error messages. */
  readonly firstImage: number;
  /** Whether the steps' patches are needed. */
  readonly patches: boolean;
}

/**
 * Relative amount by which the graph's thresholds are lowered. The graph multiplies probabilities in float32, and must
 * never stop where the same product in float64 would go on.
 */
const ROUNDING = 1e-5;

/** Results of a run of the scene graph, besides the steps. */
export interface SceneResults {
  /** log p(image | empty canvas), `[B]`, nats. */
  readonly emptyLogLikelihood: Float32Array;
  /** Frees the memory of the steps; the builders must have made their scenes. */
  readonly free: () => void;
}

/**
 * Runs all steps that any image of the batch needs, and gives them to the builders.
 *
 * @throws {GraphOutputError} if an output is missing, of a wrong shape, NaN or infinite
 * @throws {GraphRunError} if the engine cannot run the graph
 */
export async function runScenes(session: GraphSession, run: SceneRun): Promise<SceneResults> {
  const { config, images, builders, firstImage } = run;
  const batch = builders.length;
  const wanted = stepOutputNames.filter((name) => name !== "patch" || run.patches);
  const steps = Array.from({ length: config.maxSteps }, (_, i) => i + 1);
  const outputs = [
    sceneGraphNames.emptyLogLikelihood,
    ...steps.flatMap((step) => wanted.map((name) => stepOutput(step, name))),
  ];
  const tensors = await runGraph(
    session,
    "scene",
    {
      image: new Tensor("float32", images, [batch, ...graphSignatures(config).encoder.inputs.image]),
      [sceneGraphNames.stopBelow]: perImage(builders, ({ stopBelow }) => stopBelow * (1 - ROUNDING)),
      [sceneGraphNames.rows]: perImage(builders, (_, row) => row),
    },
    outputs,
  );
  const empty = tensors[sceneGraphNames.emptyLogLikelihood]!;
  const emptyLogLikelihood = await readOutput(
    empty,
    `output "log_likelihood" of the encoder graph`,
    [batch],
    (row) => ({
      image: firstImage + row,
    }),
  );
  for (const step of steps) {
    const { rows, values } = readStep(tensors, run, step);
    if (rows.length === 0) break;
    for (let i = 0; i < rows.length; i++) builders[rows[i]!]!.add(values, i);
  }
  return { emptyLogLikelihood, free: () => freeMemory(Object.values(tensors)) };
}

/** Bytes below which freeing memory takes longer than it saves. */
const LITTLE_MEMORY = 2 ** 18;

/** Frees the memory of tensors at once, which saves a quarter of a call's time; they cannot be read afterwards. */
function freeMemory(tensors: readonly Tensor[]): void {
  const buffers = tensors.flatMap(({ data }) => {
    const { buffer } = data as Float32Array;
    return buffer instanceof ArrayBuffer ? [buffer] : [];
  });
  if (buffers.reduce((sum, { byteLength }) => sum + byteLength, 0) < LITTLE_MEMORY) return;
  freeBuffers(buffers);
}

function perImage(builders: readonly SceneBuilder[], value: (builder: SceneBuilder, row: number) => number): Tensor {
  return new Tensor("float32", Float32Array.from(builders, value), [builders.length]);
}

/** The values of one step, and the row of the batch that each of their rows belongs to; no rows if it was not run. */
function readStep(
  tensors: Readonly<Record<string, Tensor>>,
  { config, firstImage, patches }: SceneRun,
  step: number,
): { readonly rows: Float32Array; readonly values: StepValues } {
  const shapes = graphSignatures(config).step.outputs;
  const describe = (name: string): string => `output "${name}" of the step graph`;
  const read = (name: StepOutputName, shape: readonly number[]): Float32Array => {
    const tensor = tensors[stepOutput(step, name)]!;
    return shaped(tensor.data, tensor, describe(name), shape);
  };
  const size = tensors[stepOutput(step, "next_z_where")]!.dims[0]!;
  const numbers = read("numbers", [stepNumbers.length, size]);
  const number = (name: (typeof stepNumbers)[number]): Float32Array => {
    const first = stepNumbers.indexOf(name) * size;
    return numbers.subarray(first, first + size);
  };
  const output = (name: Exclude<StepOutputName, "numbers">): Float32Array => read(name, [size, ...shapes[name]]);
  const found: Record<SceneValueName, Float32Array> = {
    presence_logit: number("presence_logit"),
    next_z_where: output("next_z_where"),
    next_z_what: output("next_z_what"),
    patch: patches ? output("patch") : new Float32Array(),
    next_canvas: output("next_canvas"),
    kl_where: number("kl_where"),
    kl_what: number("kl_what"),
    log_likelihood: number("log_likelihood"),
  };
  const rows = number("row");
  // Under a Gaussian likelihood no pixel of patch or canvas can be NaN or infinite without making the log-likelihood so.
  const isCheckedByOthers = config.likelihood.type === "gaussian";
  const checked = [numbers, found.next_z_where, found.next_z_what];
  if (!isCheckedByOthers) checked.push(found.patch, found.next_canvas);
  if (!checked.every(allFinite)) {
    for (const name of sceneValueNames) {
      const perImage = found[name].length / size;
      const originOf = (index: number) => ({ image: firstImage + rows[Math.floor(index / perImage)]!, step });
      checkFinite(found[name], describe(name), originOf);
    }
  }
  return { rows, values: stepValues(found) };
}
