/**
 * The number of objects n in 0..T. A step's object can be present only if the step before has one, so n alone says
 * which steps are present. The presence probabilities p_t give q(n) = Π_{t≤n} p_t · (1 - p_{n+1}), with p_{T+1} = 0.
 */

/**
 * Probabilities q(0..T) of the counts of one image.
 *
 * @param presence probabilities p_1..p_T, each conditional on the step before being present, `[T]`
 * @returns `[T + 1]`
 */
export function countProbabilities(presence: ArrayLike<number>): number[] {
  const q: number[] = [];
  let remaining = 1;
  for (let t = 0; t < presence.length; t++) {
    const p = presence[t]!;
    q.push(remaining * (1 - p));
    remaining *= p;
  }
  q.push(remaining);
  return q;
}

/** The probability whose log-odds are `logit`. */
export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** log p(n) for n = 0..T under a presence prior with the same probability `presence` at every step, `[T + 1]`. */
export function logCountPrior(presence: number, maxSteps: number): number[] {
  return countProbabilities(new Array<number>(maxSteps).fill(presence)).map(Math.log);
}

/** The most probable count; the smallest one if several are equally probable. */
export function mapCount(probabilities: ArrayLike<number>): number {
  let best = 0;
  for (let n = 1; n < probabilities.length; n++) if (probabilities[n]! > probabilities[best]!) best = n;
  return best;
}

/**
 * The presence prior p, the same at every step, that maximises Σ_n q̄(n) log p(n), where q̄ is the mean of the posteriors
 * of many images. Each step that is reached is one trial, and E[n] of the E[n] + q̄(n < T) trials find an object.
 *
 * @param mean q̄(0..T), `[T + 1]`
 * @returns a probability, from 0 (no image has an object) to 1 (each image has T objects)
 */
export function fitPresencePrior(mean: ArrayLike<number>): number {
  const maxSteps = mean.length - 1;
  let found = 0;
  let ended = 0;
  for (let n = 0; n <= maxSteps; n++) {
    found += n * mean[n]!;
    if (n < maxSteps) ended += mean[n]!;
  }
  return found / (found + ended);
}
