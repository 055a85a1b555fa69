/**
 * What a scene file says of the steps: counts, boxes and the image that the objects form, as a function of tensors that is
 * traced into the file. It is what `SceneBuilder` in @air-onnx/core does image by image, without the early stop.
 *
 * Letters: B batch, T steps, C channels, S image side, O object side, Z size of z_what, N = C·S².
 */
import {
  type AirConfig,
  logCountPrior,
  type SceneValueName,
  type ScoreCalibration,
  scoreBounds,
  TYPICALITY_ROUNDING,
  type TypicalityLimits,
  tightBoxThresholds,
} from "@air-onnx/core";
import type { NamedTensors } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";

/** Values of one step by name. They have the shapes of the step graph's outputs, but for `patch`: `[B, C·O·O]`. */
export type StepTensors = Readonly<Record<SceneValueName, tf.Tensor>>;

/** Above every loss and every coordinate. */
const HUGE = 3e38;
/** A layer whose strongest value is below this draws nothing: rounding alone is of this size. */
const LEAST_DRAWN = 1e-6;

/** What the scenes of a model depend on besides its steps. */
export interface SceneSettings {
  readonly config: AirConfig;
  /** Limits by which images are judged; undefined for a model that has none. */
  readonly typicality?: TypicalityLimits | undefined;
  /** How the scores of objects follow from what is found; undefined where they are the presences. */
  readonly score?: ScoreCalibration | undefined;
}

/**
 * Makes scenes of steps.
 *
 * @param image `[B, C, S, S]`, intensities in [0, 1]
 * @param emptyLogLikelihood log p(image | empty canvas), `[B]`, nats
 * @param steps the steps' values, `[T]`
 * @returns the outputs of a scene file by name; see `sceneFileOutputs`
 */
export function scenesOfSteps(
  image: tf.Tensor,
  emptyLogLikelihood: tf.Tensor,
  steps: readonly StepTensors[],
  { config, typicality, score }: SceneSettings,
): NamedTensors {
  const { channels, imageSize, objectSize } = config;
  const [batch, maxSteps, pixels] = [image.shape[0]!, steps.length, channels * imageSize ** 2];
  const each = (name: SceneValueName): tf.Tensor[] => steps.map((values) => values[name]);
  const posterior = countPosterior(config, emptyLogLikelihood, steps);

  const canvases = each("next_canvas").map((canvas) => tf.reshape(canvas, [batch, pixels]));
  const layers = tf.stack(
    canvases.map((canvas, t) => (t === 0 ? canvas : tf.sub(canvas, canvases[t - 1]!))),
    1,
  );
  const seen = tf.reshape(image, [batch, 1, pixels]);
  const stepNumbers = tf.range(0, maxSteps);
  const mapCount = tf.expandDims(tf.cast(tf.argMax(posterior.countProbabilities, 1), "float32"), 1);
  const counted = tf.cast(tf.less(stepNumbers, mapCount), "float32");
  const isLast = tf.cast(tf.equal(stepNumbers, tf.sub(mapCount, 1)), "float32");
  const wholeCanvas = tf.matMul(tf.expandDims(isLast, 1), tf.stack(canvases, 1));
  const isPruned = config.likelihood.type === "gaussian";
  const kept = isPruned ? neededObjects(layers, tf.sub(seen, wholeCanvas), counted) : counted;
  const canvas = isPruned
    ? tf.sub(wholeCanvas, tf.matMul(tf.expandDims(tf.sub(counted, kept), 1), layers))
    : wholeCanvas;

  // Slot i of an image holds the i-th of its kept objects, [B, slot, step].
  const rank = tf.expandDims(tf.cumsum(kept, 1), 1);
  const slotNumbers = tf.reshape(tf.range(1, maxSteps + 1), [1, maxSteps, 1]);
  const slots = tf.mul(tf.cast(tf.equal(rank, slotNumbers), "float32"), tf.expandDims(kept, 1));
  const inSlots = (perStep: tf.Tensor): tf.Tensor => tf.matMul(slots, perStep);
  const count = tf.sum(kept, 1);
  const valid = tf.less(stepNumbers, tf.expandDims(count, 1));

  const zWhere = inSlots(tf.stack(each("next_z_where"), 1));
  const ofObjects = (values: tf.Tensor): tf.Tensor => tf.reshape(inSlots(tf.expandDims(values, 2)), [batch, maxSteps]);
  const [presence, logOdds] = [ofObjects(posterior.presence), ofObjects(posterior.logOdds)];
  const box = windowBoxes(zWhere, valid, imageSize);
  const { mask, tightBox } = extents(inSlots(layers), canvas, seen, box, config);
  const reconstruction = tf.reshape(canvas, image.shape);
  const measures = typicalityMeasures(image, reconstruction, box, imageSize);
  return {
    count: tf.cast(count, "int32"),
    count_probabilities: posterior.countProbabilities,
    valid,
    presence,
    score: score ? calibratedScores(score, { image, reconstruction, box, logOdds, valid }) : presence,
    box,
    tight_box: tightBox,
    z_where: zWhere,
    z_what: inSlots(tf.stack(each("next_z_what"), 1)),
    patch: tf.reshape(inSlots(tf.stack(each("patch"), 1)), [batch, maxSteps, channels, objectSize, objectSize]),
    mask,
    reconstruction,
    elbo: posterior.elbo,
    ...measures,
    ...(typicality && {
      typical: tf.logicalAnd(
        tf.lessEqual(measures.unexplained, typicality.limits.unexplained * TYPICALITY_ROUNDING),
        tf.lessEqual(measures.thickness, typicality.limits.thickness * TYPICALITY_ROUNDING),
      ),
    }),
  };
}

/** What scores follow from, see `ScoreEvidence` of @air-onnx/core. */
interface ScoreTensors {
  /** `[B, C, S, S]` */
  readonly image: tf.Tensor;
  /** `[B, C, S, S]` */
  readonly reconstruction: tf.Tensor;
  /** `[B, T, 4]`, pixels. */
  readonly box: tf.Tensor;
  /** Log-odds of the presences, which float32 would round to 1, `[B, T]`. */
  readonly logOdds: tf.Tensor;
  /** `[B, T]`, boolean. */
  readonly valid: tf.Tensor;
}

/** Scores of the objects by the calibration, `[B, T]`; 0 in slots without an object. */
function calibratedScores(
  { bias, presence: ofPresence, unexplained: ofUnexplained }: ScoreCalibration,
  { image, reconstruction, box, logOdds, valid }: ScoreTensors,
): tf.Tensor {
  const { leastProbability, leastUnexplained } = scoreBounds;
  const { rows, columns } = windowPixels(box, image.shape[3]!);
  const inWindows = (values: tf.Tensor): tf.Tensor =>
    tf.sum(tf.mul(tf.matMul(rows, tf.sum(tf.square(values), 1)), columns), 2);
  const light = inWindows(image);
  const isDark = tf.lessEqual(light, 0);
  const left = inWindows(tf.sub(image, reconstruction));
  const unexplained = tf.where(isDark, tf.zerosLike(left), tf.div(left, tf.where(isDark, tf.onesLike(light), light)));
  const most = Math.log((1 - leastProbability) / leastProbability);
  const evidence = tf.add(
    tf.mul(tf.clipByValue(logOdds, -most, most), ofPresence),
    tf.mul(tf.log(tf.add(unexplained, leastUnexplained)), ofUnexplained),
  );
  return tf.mul(tf.sigmoid(tf.add(evidence, bias)), tf.cast(valid, "float32"));
}

/** 1 for the rows and columns of pixels whose centres are in a window, else 0, `[B, T, S]` each. */
function windowPixels(box: tf.Tensor, imageSize: number): Record<"rows" | "columns", tf.Tensor> {
  const [xmin, ymin, xmax, ymax] = tf.split(box, 4, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const centres = tf.add(tf.range(0, imageSize), 0.5);
  const within = (first: tf.Tensor, end: tf.Tensor): tf.Tensor =>
    tf.cast(tf.logicalAnd(tf.greaterEqual(centres, first), tf.less(centres, end)), "float32");
  return { rows: within(ymin, ymax), columns: within(xmin, xmax) };
}

/** log(exp(a) + exp(b)) */
function logOfSum(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return tf.add(tf.maximum(a, b), tf.softplus(tf.neg(tf.abs(tf.sub(a, b)))));
}

/** q(n | x), `[B, T + 1]`, q(n ≥ t | x) and its log-odds, `[B, T]` each, and the bound, `[B]`. */
function countPosterior(
  config: AirConfig,
  emptyLogLikelihood: tf.Tensor,
  steps: readonly StepTensors[],
): Record<"countProbabilities" | "presence" | "logOdds" | "elbo", tf.Tensor> {
  const probabilities: tf.Tensor[] = [];
  const reached: tf.Tensor[] = [];
  const logPosteriors: tf.Tensor[] = [];
  const logOdds: tf.Tensor[] = [];
  const bounds: tf.Tensor[] = [emptyLogLikelihood];
  let [remaining, logRemaining, logEnded, kl]: (tf.Tensor | undefined)[] = [];
  for (const { presence_logit: logit, kl_where, kl_what, log_likelihood } of steps) {
    const [present, absent] = [tf.sigmoid(logit), tf.sigmoid(tf.neg(logit))];
    const [logPresent, logAbsent] = [tf.neg(tf.softplus(tf.neg(logit))), tf.neg(tf.softplus(logit))];
    probabilities.push(remaining ? tf.mul(remaining, absent) : absent);
    const logEndsHere = logRemaining ? tf.add(logRemaining, logAbsent) : logAbsent;
    logPosteriors.push(logEndsHere);
    logEnded = logEnded ? logOfSum(logEnded, logEndsHere) : logEndsHere;
    remaining = remaining ? tf.mul(remaining, present) : present;
    logRemaining = logRemaining ? tf.add(logRemaining, logPresent) : logPresent;
    reached.push(remaining);
    logOdds.push(tf.sub(logRemaining, logEnded));
    const own = tf.add(kl_where, kl_what);
    kl = kl ? tf.add(kl, own) : own;
    bounds.push(tf.sub(log_likelihood, kl));
  }
  const countProbabilities = tf.stack([...probabilities, remaining!], 1);
  const logPosterior = tf.stack([...logPosteriors, logRemaining!], 1);
  const logPrior = tf.tensor1d(logCountPrior(config.prior.presence, steps.length));
  const terms = tf.sub(tf.add(tf.stack(bounds, 1), logPrior), logPosterior);
  return {
    countProbabilities,
    presence: tf.stack(reached, 1),
    logOdds: tf.stack(logOdds, 1),
    elbo: tf.sum(tf.mul(countProbabilities, terms), 1),
  };
}

/**
 * Tells the objects that the image needs, 1 or 0 each, `[B, T]`; see `neededObjects` in @air-onnx/core. Without object t,
 * and without those that are removed already, the squared distance between image and canvas grows by
 * `‖layer_t‖² + 2 layer_t·(error + Σ_removed layer)`: products of layers decide everything.
 *
 * @param layers what each step added to the canvas, `[B, T, N]`
 * @param error image less the canvas of all counted objects, `[B, 1, N]`
 * @param counted 1 for the first objects, as many as the most probable count, `[B, T]`
 */
function neededObjects(layers: tf.Tensor, error: tf.Tensor, counted: tf.Tensor): tf.Tensor {
  const [batch, maxSteps] = counted.shape as [number, number];
  const products = tf.matMul(layers, layers, false, true);
  const withError = tf.reshape(tf.matMul(layers, error, false, true), [batch, maxSteps]);
  const alone = tf.add(tf.sum(tf.mul(layers, layers), 2), tf.mul(withError, 2));
  let kept = counted;
  // Each round removes the least useful object, if that is of no use.
  for (let round = 0; round < maxSteps; round++) {
    const removed = tf.expandDims(tf.sub(counted, kept), 1);
    const loss = tf.add(alone, tf.mul(tf.sum(tf.mul(products, removed), 2), 2));
    const losses = tf.where(tf.greater(kept, 0), loss, tf.fill([1, 1], HUGE));
    const least = tf.expandDims(tf.cast(tf.argMin(losses, 1), "float32"), 1);
    const isLeast = tf.equal(tf.range(0, maxSteps), least);
    kept = tf.mul(kept, tf.cast(tf.logicalNot(tf.logicalAnd(isLeast, tf.lessEqual(losses, 0))), "float32"));
  }
  return kept;
}

/** The windows as boxes (xmin, ymin, xmax, ymax), pixels, `[B, T, 4]`; zeros where there is no object. */
function windowBoxes(zWhere: tf.Tensor, valid: tf.Tensor, imageSize: number): tf.Tensor {
  const [s, x, y] = tf.split(zWhere, 3, 2) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const isObject = tf.expandDims(valid, 2);
  const scale = tf.where(isObject, s, tf.onesLike(s));
  const half = imageSize / 2;
  const [centreX, centreY] = [x, y].map((shift) => tf.mul(tf.sub(1, tf.div(shift, scale)), half)) as [
    tf.Tensor,
    tf.Tensor,
  ];
  const reach = tf.div(half, tf.abs(scale));
  const box = tf.concat([centreX, centreY, centreX, centreY], 2);
  const reaches = tf.concat([tf.neg(reach), tf.neg(reach), reach, reach], 2);
  return tf.mul(tf.add(box, reaches), tf.cast(isObject, "float32"));
}

/**
 * The pixels of each object, `[B, T, S, S]`, and the smallest boxes around them, `[B, T, 4]`; see `objectExtents` in
 * @air-onnx/core.
 *
 * @param layers what each object added to the canvas, `[B, T, N]`
 * @param canvas `[B, 1, N]`
 * @param seen the image, `[B, 1, N]`
 * @param box the windows, `[B, T, 4]`
 */
function extents(
  layers: tf.Tensor,
  canvas: tf.Tensor,
  seen: tf.Tensor,
  box: tf.Tensor,
  { channels, imageSize }: AirConfig,
): Record<"mask" | "tightBox", tf.Tensor> {
  const [batch, maxSteps] = layers.shape as [number, number];
  const { leastStrength, leastShare, leastIntensity } = tightBoxThresholds;
  /** `share` of the largest value; out of reach if that is next to nothing. */
  const shareOfLargest = (values: tf.Tensor, share: number, atLeast: number): tf.Tensor => {
    const largest = tf.max(values, 2, true);
    return tf.where(tf.greater(largest, atLeast), tf.mul(largest, share), tf.fill([1, 1, 1], HUGE));
  };
  const least = tf.maximum(shareOfLargest(layers, leastStrength, LEAST_DRAWN), tf.mul(canvas, leastShare));
  const own = tf.where(tf.greaterEqual(layers, least), seen, tf.zerosLike(seen));
  const isOwn = tf.greaterEqual(own, shareOfLargest(own, leastIntensity, 0));
  const planes = tf.reshape(tf.cast(isOwn, "float32"), [batch, maxSteps, channels, imageSize, imageSize]);
  const pixels = tf.max(planes, 2);

  const places = tf.range(0, imageSize);
  const sides = (axis: number): [first: tf.Tensor, end: tf.Tensor] => {
    const taken = tf.greater(tf.max(pixels, axis), 0);
    return [
      tf.min(tf.where(taken, places, tf.fill([1, 1, 1], imageSize) as tf.Tensor), 2, true),
      tf.max(tf.where(taken, tf.add(places, 1), tf.fill([1, 1, 1], 0) as tf.Tensor), 2, true),
    ];
  };
  const [[xmin, xmax], [ymin, ymax]] = [sides(2), sides(3)];
  const found = tf.concat([xmin, ymin, xmax, ymax], 2);
  return {
    mask: tf.greater(pixels, 0),
    tightBox: tf.where(tf.greater(xmax, 0), found, tf.clipByValue(box, 0, imageSize)),
  };
}

/** The measures of `measureTypicality` in @air-onnx/core, `[B]` each. */
function typicalityMeasures(
  image: tf.Tensor,
  reconstruction: tf.Tensor,
  box: tf.Tensor,
  imageSize: number,
): Record<"unexplained" | "thickness", tf.Tensor> {
  const { rows, columns } = windowPixels(box, imageSize);
  const windows = tf.matMul(rows, columns, true, false);
  const weights = tf.expandDims(tf.sub(2, tf.minimum(windows, 1)), 1);
  const unexplained = tf.sum(tf.mul(weights, tf.abs(tf.sub(image, reconstruction))), [1, 2, 3]);

  // The differences of neighbours; before the first and behind the last pixel of a row or column is black.
  const variationAlong = (axis: 2 | 3): tf.Tensor => {
    const part = (begin: number, size: number): tf.Tensor => {
      const from: [number, number, number, number] = [0, 0, 0, 0];
      const sizes = [...image.shape] as typeof from;
      from[axis] = begin;
      sizes[axis] = size;
      return tf.slice(image as tf.Tensor4D, from, sizes);
    };
    const last = imageSize - 1;
    const edges = tf.add(tf.sum(tf.abs(part(0, 1)), [1, 2, 3]), tf.sum(tf.abs(part(last, 1)), [1, 2, 3]));
    return tf.add(tf.sum(tf.abs(tf.sub(part(1, last), part(0, last))), [1, 2, 3]), edges);
  };
  const variation = tf.add(variationAlong(2), variationAlong(3));
  const isBlack = tf.equal(variation, 0);
  const thickness = tf.div(tf.mul(tf.sum(image, [1, 2, 3]), 2), tf.where(isBlack, tf.onesLike(variation), variation));
  return { unexplained, thickness: tf.where(isBlack, tf.zerosLike(thickness), thickness) };
}
