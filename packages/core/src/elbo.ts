/**
 * The evidence lower bound with the number of objects summed out: only the count n is discrete, so its expectation is
 * a sum over prefixes of one trajectory, without sampling presence.
 */

export interface CountTerms {
  /** q(n | x) for the counts n = 0, 1, …, `[N + 1]`. */
  readonly countProbabilities: ArrayLike<number>;
  /** log p(n), at least as long. */
  readonly logCountPrior: ArrayLike<number>;
  /** log p(x | c_n), where c_n is the canvas with the first n objects, `[N + 1]`, nats. */
  readonly logLikelihoods: ArrayLike<number>;
  /** KL of step t's posterior of z_where and z_what from their prior, t = 1..N, `[N]`, nats. */
  readonly kls: ArrayLike<number>;
}

/** Σ_n q(n) [log p(x|c_n) − Σ_{t≤n} KL_t + log p(n) − log q(n)], in nats, where a count with q(n) = 0 adds nothing. */
export function evidenceLowerBound({ countProbabilities, logCountPrior, logLikelihoods, kls }: CountTerms): number {
  let bound = 0;
  let kl = 0;
  for (let n = 0; n < countProbabilities.length; n++) {
    if (n > 0) kl += kls[n - 1]!;
    const q = countProbabilities[n]!;
    if (q > 0) bound += q * (logLikelihoods[n]! - kl + logCountPrior[n]! - Math.log(q));
  }
  return bound;
}
