/**
 * The number of objects n in 0..T. Presence is 1…1 0…0, so n alone says which steps are present: the presence
 * probabilities p_t of the steps are the hazard of n, q(n) = Π_{t≤n} p_t · (1 - p_{n+1}), with p_{T+1} = 0.
 */

/** q(0..T) of one image from its T presence probabilities, each conditional on the step before being present. */
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

/** log p(0..T) under a presence prior with the same probability `presence` at every step. */
export function logCountPrior(presence: number, maxSteps: number): number[] {
  return countProbabilities(new Array<number>(maxSteps).fill(presence)).map(Math.log);
}

/** The most probable count; the smallest of equals. */
export function mapCount(probabilities: ArrayLike<number>): number {
  let best = 0;
  for (let n = 1; n < probabilities.length; n++) if (probabilities[n]! > probabilities[best]!) best = n;
  return best;
}

/**
 * The presence prior, the same at every step, under which the counts of many images are most probable: the p that
 * maximises Σ_n q̄(n) log p(n) for their mean posterior q̄. Each step that is reached is one trial: E[n] of the
 * E[n] + q̄(n < T) trials find an object.
 *
 * @param mean q̄(0..T), `[T + 1]`
 * @returns from 0 (no image has an object) to 1 (each has T)
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
