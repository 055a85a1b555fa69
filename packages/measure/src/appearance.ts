/** What the appearance codes z_what of found objects know of the kinds of the true ones, such as their digits. */
import { assignRows, RandomStream } from "@air-onnx/core";

/** What z_what knows of kinds. */
export interface AppearanceQuality {
  /** Number of found objects that are really there and whose kind is known. */
  readonly objects: number;
  /** Number of kinds among them. */
  readonly kinds: number;
  /** Share of the most frequent kind: what guessing gives. */
  readonly mostFrequent: number;
  /**
   * Accuracy of a linear probe (Alain and Bengio, 2016) on every second object: multinomial logistic regression from the
   * standardised z_what, fitted to the others.
   */
  readonly probeAccuracy: number;
  /**
   * Accuracy of clusters that saw no kind: k-means with as many clusters as kinds, on the standardised z_what of all objects, where
   * each cluster stands for one kind, assigned so that most objects are right (Hungarian method).
   */
  readonly clusterAccuracy: number;
}

const PROBE_STEPS = 300;
const PROBE_RATE = 0.05;
const PROBE_DECAY = 1e-3;
const CLUSTER_STARTS = 5;
const CLUSTER_STEPS = 60;
/** Fewest objects of which anything is said. */
const LEAST_OBJECTS = 100;

/** Collects the codes of found objects and their kinds. */
export class AppearanceTally {
  readonly #codes: Float32Array[] = [];
  readonly #kinds: number[] = [];

  /** Adds an object with its code and its true kind, a number from 0. */
  add(zWhat: Float32Array, kind: number): void {
    this.#codes.push(zWhat);
    this.#kinds.push(kind);
  }

  /**
   * Measures all objects so far.
   *
   * @param seed seed of the first cluster centres
   * @returns undefined for fewer than 100 objects, or fewer than two kinds
   */
  result(seed: number): AppearanceQuality | undefined {
    const named = [...new Set(this.#kinds)].sort((a, b) => a - b);
    if (this.#codes.length < LEAST_OBJECTS || named.length < 2) return undefined;
    const kinds = this.#kinds.map((kind) => named.indexOf(kind));
    const codes = standardised(this.#codes);
    const frequencies = named.map((_, kind) => kinds.filter((other) => other === kind).length);
    return {
      objects: kinds.length,
      kinds: named.length,
      mostFrequent: Math.max(...frequencies) / kinds.length,
      probeAccuracy: probeAccuracy(codes, kinds, named.length),
      clusterAccuracy: clusterAccuracy(codes, kinds, named.length, seed),
    };
  }
}

/** Codes with mean 0 and variance 1 in each component; a component that never changes becomes 0. */
function standardised(codes: readonly Float32Array[]): Float64Array[] {
  const means = meanOf(codes);
  const squares = meanOf(codes.map((code) => Float64Array.from(code, (value, d) => (value - means[d]!) ** 2)));
  const scales = squares.map((square) => (square > 1e-12 ? 1 / Math.sqrt(square) : 0));
  return codes.map((code) => Float64Array.from(code, (value, d) => (value - means[d]!) * scales[d]!));
}

/** Fits to the objects 0, 2, 4, … by Adam on the whole set, and counts right kinds of the objects 1, 3, 5, …. */
function probeAccuracy(codes: readonly Float64Array[], kinds: readonly number[], size: number): number {
  const length = codes[0]!.length;
  const stride = length + 1;
  const weights = new Float64Array(size * stride);
  const [first, second] = [new Float64Array(weights.length), new Float64Array(weights.length)];
  const scores = new Float64Array(size);
  const score = (code: Float64Array): void => {
    for (let kind = 0; kind < size; kind++) {
      let sum = weights[kind * stride + length]!;
      for (let d = 0; d < length; d++) sum += weights[kind * stride + d]! * code[d]!;
      scores[kind] = sum;
    }
  };
  const fitted = Math.ceil(codes.length / 2);
  for (let step = 1; step <= PROBE_STEPS; step++) {
    const gradient = weights.map((weight) => PROBE_DECAY * weight);
    for (let i = 0; i < codes.length; i += 2) {
      const code = codes[i]!;
      score(code);
      const most = Math.max(...scores);
      const total = scores.reduce((sum, value) => sum + Math.exp(value - most), 0);
      for (let kind = 0; kind < size; kind++) {
        const error = (Math.exp(scores[kind]! - most) / total - (kinds[i] === kind ? 1 : 0)) / fitted;
        for (let d = 0; d < length; d++) gradient[kind * stride + d]! += error * code[d]!;
        gradient[kind * stride + length]! += error;
      }
    }
    for (let w = 0; w < weights.length; w++) {
      first[w] = 0.9 * first[w]! + 0.1 * gradient[w]!;
      second[w] = 0.999 * second[w]! + 0.001 * gradient[w]! ** 2;
      const root = Math.sqrt(second[w]! / (1 - 0.999 ** step)) + 1e-8;
      weights[w]! -= (PROBE_RATE * first[w]!) / (1 - 0.9 ** step) / root;
    }
  }
  let right = 0;
  for (let i = 1; i < codes.length; i += 2) {
    score(codes[i]!);
    if (scores.indexOf(Math.max(...scores)) === kinds[i]) right++;
  }
  return right / Math.floor(codes.length / 2);
}

/** The clusters of the best of several starts, by the sum of squared distances. */
function clusterAccuracy(codes: readonly Float64Array[], kinds: readonly number[], size: number, seed: number): number {
  const starts = Array.from({ length: CLUSTER_STARTS }, (_, start) =>
    kMeans(codes, size, new RandomStream(seed, start)),
  );
  const { clusters } = starts.reduce((best, each) => (each.distance < best.distance ? each : best));
  const table = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  clusters.forEach((cluster, i) => void table[cluster]![kinds[i]!]!++);
  const kindOf = assignRows(size, size, (cluster, kind) => -table[cluster]![kind]!);
  return kindOf.reduce((sum, kind, cluster) => sum + table[cluster]![kind]!, 0) / kinds.length;
}

/** Lloyd's algorithm from centres drawn as k-means++ does (Arthur and Vassilvitskii, 2007). */
function kMeans(codes: readonly Float64Array[], size: number, random: RandomStream) {
  const centres = [codes[random.integer(codes.length)]!];
  const nearest = codes.map((code) => squaredDistance(code, centres[0]!));
  while (centres.length < size) {
    let left = random.uniform() * nearest.reduce((sum, value) => sum + value, 0);
    let chosen = 0;
    while (chosen < codes.length - 1 && left >= nearest[chosen]!) left -= nearest[chosen++]!;
    centres.push(codes[chosen]!);
    for (let i = 0; i < codes.length; i++)
      nearest[i] = Math.min(nearest[i]!, squaredDistance(codes[i]!, codes[chosen]!));
  }
  let clusters: number[] = [];
  let distance = 0;
  for (let step = 0; step < CLUSTER_STEPS; step++) {
    distance = 0;
    const next = codes.map((code) => {
      let [best, least] = [0, Number.POSITIVE_INFINITY];
      centres.forEach((centre, cluster) => {
        const own = squaredDistance(code, centre);
        if (own < least) [best, least] = [cluster, own];
      });
      distance += least;
      return best;
    });
    if (next.every((cluster, i) => cluster === clusters[i])) break;
    clusters = next;
    centres.forEach((_, cluster) => {
      const own = codes.filter((_code, i) => clusters[i] === cluster);
      if (own.length > 0) centres[cluster] = meanOf(own);
    });
  }
  return { clusters, distance };
}

function meanOf(codes: readonly (Float32Array | Float64Array)[]): Float64Array {
  const mean = new Float64Array(codes[0]!.length);
  for (const code of codes) for (let d = 0; d < mean.length; d++) mean[d]! += code[d]! / codes.length;
  return mean;
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += (a[d]! - b[d]!) ** 2;
  return sum;
}
