/**
 * The evidence lower bound with the number of objects summed out. The count n is the only discrete latent, so its
 * expectation is a sum over the prefixes of one trajectory; presence is never sampled.
 */

/** Terms of the bound from one trajectory for one image, for every count n = 0..N. */
export interface CountTerms {
  /** q(n | x) for the counts n = 0, 1, …, `[N + 1]`. */
  readonly countProbabilities: ArrayLike<number>;
  /** log p(n), `[N + 1]` or longer. */
  readonly logCountPrior: ArrayLike<number>;
  /** log p(x | c_n), where c_n is the canvas with the first n objects, `[N + 1]`, nats. */
  readonly logLikelihoods: ArrayLike<number>;
  /** KL divergence of step t's posterior of z_where from its prior, t = 1..N, `[N]`, nats. */
  readonly klWhere: ArrayLike<number>;
  /** KL divergence of step t's posterior of z_what from its prior, t = 1..N, `[N]`, nats. */
  readonly klWhat: ArrayLike<number>;
}

/** The bound and its parts, nats: `elbo = logLikelihood − klWhere − klWhat − klCount`. */
export interface ElboParts {
  /** The evidence lower bound on log p(x). */
  readonly elbo: number;
  /** Σ_n q(n) log p(x|c_n) */
  readonly logLikelihood: number;
  /** Σ_n q(n) Σ_{t≤n} KL_where,t */
  readonly klWhere: number;
  /** Σ_n q(n) Σ_{t≤n} KL_what,t */
  readonly klWhat: number;
  /** Σ_n q(n) [log q(n) − log p(n)] */
  readonly klCount: number;
}

/** Computes the bound Σ_n q(n) [log p(x|c_n) − Σ_{t≤n} KL_t + log p(n) − log q(n)] and its parts. */
export function elboParts(terms: CountTerms): ElboParts {
  const q = terms.countProbabilities;
  const logLikelihood = expected(q, (n) => terms.logLikelihoods[n]!);
  const klWhere = expected(q, sumOfFirst(terms.klWhere));
  const klWhat = expected(q, sumOfFirst(terms.klWhat));
  const klCount = expected(q, (n) => Math.log(q[n]!) - terms.logCountPrior[n]!);
  return { elbo: logLikelihood - klWhere - klWhat - klCount, logLikelihood, klWhere, klWhat, klCount };
}

/** Σ_n q(n) value(n). A count with q(n) = 0 adds nothing, not even 0·∞. Calls `value` in the order of n. */
function expected(q: ArrayLike<number>, value: (n: number) => number): number {
  let sum = 0;
  for (let n = 0; n < q.length; n++) {
    const each = value(n);
    if (q[n]! > 0) sum += q[n]! * each;
  }
  return sum;
}

/** A function that returns the sum of the first n values; call it for n = 0, 1, 2, … in this order. */
function sumOfFirst(values: ArrayLike<number>): (n: number) => number {
  let sum = 0;
  return (n) => {
    if (n > 0) sum += values[n - 1]!;
    return sum;
  };
}
