/**
 * The parity check: compares an exported model in onnxruntime with the trained model in tfjs on held-out images, graph
 * by graph from the same inputs, and over the whole attention loop.
 */
import {
  type AirConfig,
  boxFromZWhere,
  type GraphName,
  graphSignatures,
  logCountPrior,
  mapCount,
  type PreparedBatch,
  prepareBatch,
  RandomStream,
  stateNames,
} from "@air-onnx/core";
import { AirModel } from "@air-onnx/runtime-node";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { type GraphSessions, openGraphs, readModelFolder, releaseGraphs } from "@air-onnx/runtime-node/open-graphs";
import { fillBatch, pixelsPerImage, type SceneSet } from "@air-onnx/scenes";
import {
  type EagerBackend,
  evaluateScenes,
  graphFunctions,
  type NamedTensorData,
  useEagerBackend,
} from "@air-onnx/train";
import * as tf from "@tensorflow/tfjs";
import { Differences, type ParityRow, summedMagnitudes } from "./differences.js";
import { differentPlaces, withoutPlaces } from "./equal-places.js";
import { SceneFileCheck } from "./scene-parity.js";

export type { ParityRow } from "./differences.js";

/** Options of {@link checkParity}. */
export interface ParityOptions {
  /** Number of held-out images to compare; 1,000 by default. */
  readonly images?: number;
  /**
   * Largest allowed difference, 1e-4 by default: absolute for values up to a magnitude of 1, relative for larger ones.
   * Log-likelihoods and bounds are relative to the magnitude of the terms that they sum, because the pixels' terms and
   * the normaliser cancel and float32 rounds each of them. Over the whole loop, ten times as much is allowed.
   */
  readonly tolerance?: number;
  /** The tfjs backend that onnxruntime is compared with; `wasm` by default. */
  readonly backend?: EagerBackend;
  /** Called with the number of compared images, and how many there are in total. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between batches. */
  readonly signal?: AbortSignal;
}

/** Result of a parity check. */
export interface ParityReport {
  /** Number of images that were compared. */
  readonly images: number;
  /** The tfjs backend that onnxruntime was compared with. */
  readonly backend: EagerBackend;
  /** Largest difference that was allowed; see {@link ParityOptions}. */
  readonly tolerance: number;
  /** One row for each output. */
  readonly rows: readonly ParityRow[];
  /** Number of images on whose count tfjs and onnxruntime, or the runtime and `onnx/scene.onnx`, disagree. */
  readonly countDisagreements: number;
  /** Number of objects whose tight boxes in `onnx/scene.onnx` are not those of the runtime; see `SceneFileCheck`. */
  readonly tightBoxDisagreements: number;
  /** Number of steps in which a local step network took another of several places that look alike; see `differentPlaces`. */
  readonly equalPlaces: number;
  /**
   * Whether all rows are within the tolerance, all counts agree, and so do the tight boxes but for one in a thousand, and the
   * places but for one in a hundred.
   */
  readonly passed: boolean;
}

const BATCH_SIZE = 50;
/** Largest share of steps that may take another of several equal places. */
const EQUAL_PLACES = 0.01;
const NOISE_STREAM = 0x70617269;

/**
 * Compares the exported model in `directory` with the trained model of `config` and `parameters`.
 *
 * @param parameters the parameters as they are stored; see `roundWeights`
 * @param scenes held-out images of the model's size, at least one
 * @throws {ModelFileError} if the exported model cannot be loaded
 * @throws {BackendUnavailableError} if the tfjs backend cannot run on this machine
 */
export async function checkParity(
  directory: string,
  config: AirConfig,
  parameters: NamedTensorData,
  scenes: SceneSet,
  options: ParityOptions = {},
): Promise<ParityReport> {
  const { images: wanted = 1000, tolerance = 1e-4, backend = "wasm", onProgress, signal } = options;
  const images = Math.min(wanted, scenes.size);
  const differences = new Differences(tolerance, summedMagnitudes(config));
  let countDisagreements = 0;
  let tightBoxDisagreements = 0;
  let equalPlaces = 0;
  let isSceneFileSame = true;
  const previousBackend = tf.getBackend() as string | undefined;
  try {
    await useEagerBackend(backend);
    await using model = await AirModel.fromPretrained(directory);
    await using graphs = await GraphPair.open(directory, parameters);
    await using sceneFile = await SceneFileCheck.open(directory, model);
    for (let start = 0; start < images; start += BATCH_SIZE) {
      signal?.throwIfAborted();
      const size = Math.min(BATCH_SIZE, images - start);
      const batch = new Float32Array(size * pixelsPerImage(scenes));
      fillBatch(
        scenes,
        Array.from({ length: size }, (_, i) => start + i),
        batch,
      );
      const prepared = prepareBatch(batch, config, model.manifest.preprocessing);
      equalPlaces += await compareGraphs(graphs, config, prepared.images, size, start, differences);
      countDisagreements += await compareLoop(model, graphs, config, { images: batch, prepared, size }, differences);
      await sceneFile?.compare(prepared.images, differences);
      onProgress?.(start + size, images);
    }
    if (sceneFile) {
      countDisagreements += sceneFile.countDisagreements;
      tightBoxDisagreements = sceneFile.tightBoxDisagreements;
      isSceneFileSame = sceneFile.isSame;
    }
  } finally {
    if (previousBackend) await tf.setBackend(previousBackend);
  }
  const rows = differences.rows();
  return {
    images,
    backend,
    tolerance,
    rows,
    countDisagreements,
    tightBoxDisagreements,
    equalPlaces,
    passed:
      countDisagreements === 0 &&
      isSceneFileSame &&
      equalPlaces <= EQUAL_PLACES * images * config.maxSteps &&
      rows.every((row) => row.within),
  };
}

type Values = Record<string, Float32Array>;

/** The graphs of a model, each as a session of onnxruntime and as a function of tfjs. */
class GraphPair implements AsyncDisposable {
  readonly tensors: Record<string, tf.Tensor>;
  readonly #config: AirConfig;
  readonly #sessions: GraphSessions;

  private constructor(config: AirConfig, tensors: Record<string, tf.Tensor>, sessions: GraphSessions) {
    this.#config = config;
    this.tensors = tensors;
    this.#sessions = sessions;
  }

  static async open(directory: string, parameters: NamedTensorData): Promise<GraphPair> {
    const { manifest, graphs } = await readModelFolder(directory, { verify: true });
    const nameOf = (graph: GraphName): string => manifest.files[graph].path;
    const tensors = tf.tidy(() =>
      Object.fromEntries(
        Object.entries(parameters).map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]),
      ),
    );
    let sessions: GraphSessions;
    try {
      sessions = await openGraphs(graphs, manifest.model, { nameOf });
    } catch (cause) {
      tf.dispose(tensors);
      throw cause;
    }
    return new GraphPair(manifest.model, tensors, sessions);
  }

  /** Runs the graph `name` in tfjs and in onnxruntime from the same inputs, and returns the outputs of both. */
  async run(name: GraphName, size: number, inputs: Values): Promise<{ tfjs: Values; onnx: Values }> {
    const signature = graphSignatures(this.#config)[name];
    const shapes = signature.inputs as Readonly<Record<string, readonly number[]>>;
    const results = await this.#sessions[name].run(
      Object.fromEntries(
        Object.entries(shapes).map(([input, shape]) => [
          input,
          new ort.Tensor("float32", inputs[input]!, [size, ...shape]),
        ]),
      ),
    );
    const onnx = Object.fromEntries(
      Object.entries(results).map(([output, { data }]) => [output, data as Float32Array]),
    );
    const eager = tf.tidy(() => ({
      ...graphFunctions(this.tensors, this.#config)[name](
        Object.fromEntries(
          Object.entries(shapes).map(([input, shape]) => [input, tf.tensor(inputs[input]!, [size, ...shape])]),
        ),
      ),
    })) as Record<string, tf.Tensor>;
    const tfjs = Object.fromEntries(
      Object.entries(eager).map(([output, tensor]) => [output, tensor.dataSync() as Float32Array]),
    );
    tf.dispose(eager);
    return { tfjs, onnx };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    tf.dispose(this.tensors);
    await releaseGraphs(this.#sessions);
  }
}

/** Compares the outputs of the graphs, and returns the number of steps that took another of several equal places. */
async function compareGraphs(
  graphs: GraphPair,
  config: AirConfig,
  image: Float32Array,
  size: number,
  start: number,
  differences: Differences,
): Promise<number> {
  const noise = new RandomStream(0, NOISE_STREAM, start);
  const encoder = await graphs.run("encoder", size, { image });
  differences.add("encoder", encoder);

  // Both start each step from tfjs's state, so that differences of one step do not add to those of the next.
  const inputs: Readonly<Record<string, readonly number[]>> = graphSignatures(config).step.inputs;
  let state: Values = Object.fromEntries(
    stateNames(config).map((name) => [
      name,
      new Float32Array(inputs[name]!.reduce((product, side) => product * side, size)),
    ]),
  );
  let equalPlaces = 0;
  for (let t = 0; t < config.maxSteps; t++) {
    const step = await graphs.run("step", size, {
      image,
      image_gates: encoder.tfjs.image_gates!,
      ...state,
      eps_where: noise.fillNormal(new Float32Array(size * 3)),
      eps_what: noise.fillNormal(new Float32Array(size * config.zWhatSize)),
    });
    const elsewhere = differentPlaces(config, step);
    equalPlaces += elsewhere.length;
    differences.add("step", withoutPlaces(step, size, elsewhere));
    const canvas = state.canvas!;
    state = Object.fromEntries(Object.keys(state).map((name) => [name, step.tfjs[`next_${name}`]!]));
    const decoder = await graphs.run("decoder", size, {
      z_where: step.tfjs.next_z_where!,
      z_what: step.tfjs.next_z_what!,
      presence: new Float32Array(size).fill(1),
      canvas,
    });
    differences.add("decoder", decoder);
  }
  return equalPlaces;
}

/**
 * Compares the scenes of the runtime with the trajectory that the training objective evaluates, at the posterior means.
 *
 * @returns the number of images whose counts disagree
 */
async function compareLoop(
  model: AirModel,
  graphs: GraphPair,
  config: AirConfig,
  { images, prepared, size }: { images: Float32Array; prepared: PreparedBatch; size: number },
  differences: Differences,
): Promise<number> {
  const { maxSteps, channels, imageSize, zWhatSize } = config;
  const scenes = await model.infer(images, { mode: "mean", earlyStop: false, prune: false });
  const eager = tf.tidy(() => {
    const { elbo, logCount, zWhere, canvases } = evaluateScenes(
      graphs.tensors,
      config,
      tf.tensor(prepared.images, [size, channels, imageSize, imageSize]),
      { epsWhere: tf.zeros([maxSteps, size, 3]), epsWhat: tf.zeros([maxSteps, size, zWhatSize]) },
      tf.tensor1d(logCountPrior(config.prior.presence, maxSteps)),
    );
    return { elbo, countProbabilities: tf.exp(logCount), zWhere, canvases };
  });
  const values = Object.fromEntries(
    Object.entries(eager).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
  ) as Record<keyof typeof eager, Float32Array>;
  tf.dispose(eager);

  const counts = maxSteps + 1;
  const pixels = channels * imageSize ** 2;
  let disagreements = 0;
  scenes.forEach((scene, i) => {
    const probabilities = values.countProbabilities.subarray(i * counts, (i + 1) * counts);
    differences.compare("loop", "elbo", [scene.elbo], values.elbo.subarray(i, i + 1));
    differences.compare("loop", "countProbabilities", scene.countProbabilities, probabilities);
    if (scene.count !== mapCount(probabilities)) {
      disagreements++;
      return;
    }
    scene.objects.forEach((object, t) => {
      const [s, x, y] = values.zWhere.subarray((i * maxSteps + t) * 3);
      const box = boxFromZWhere([s!, x!, y!], imageSize);
      differences.compare("loop", "zWhere", object.zWhere, [s!, x!, y!]);
      differences.compare("loop", "box (pixels)", Object.values(object.box), Object.values(box));
    });
    const canvas =
      scene.count === 0
        ? new Float32Array(pixels)
        : values.canvases.subarray((i * maxSteps + scene.count - 1) * pixels, (i * maxSteps + scene.count) * pixels);
    differences.compare("loop", "reconstruction", scene.reconstruction, prepared.restore(i, canvas));
  });
  return disagreements;
}
