/**
 * Importance-weighted bounds on log p(x) (Burda et al., "Importance weighted autoencoders", ICLR 2016) with the number of
 * objects summed out. For latents z drawn from q, the weight
 *
 *   w = Σ_n p(n) p(x|c_n) Π_{t≤n} p(z_t)/q(z_t|x)
 *
 * has the mean p(x). So E log(1/K Σ_k w_k) ≤ log p(x), and it rises with K. No analytic KL divergence is used. All
 * arithmetic is in float64.
 */

/** Diagonal normal posteriors of B images and the standard normal noise of one draw from each, all `[B, D]`. */
export interface NormalDraws {
  /** Means of the posteriors. */
  readonly mean: ArrayLike<number>;
  /** Standard deviations of the posteriors. */
  readonly std: ArrayLike<number>;
  /** Standard normal noise. */
  readonly eps: ArrayLike<number>;
}

/**
 * Computes log p(z)/q(z) for z = mean + std·eps and the prior p = N(prior.mean, prior.std²), summed over the dimensions.
 *
 * @param prior mean and standard deviation, `[D]` each
 * @returns `[B]`
 */
export function normalLogRatios(
  { mean, std, eps }: NormalDraws,
  prior: { readonly mean: ArrayLike<number>; readonly std: ArrayLike<number> },
): Float64Array {
  const dimensions = prior.mean.length;
  const ratios = new Float64Array(mean.length / dimensions);
  for (let i = 0; i < mean.length; i++) {
    const d = i % dimensions;
    const spread = std[i]! / prior.std[d]!;
    const standardised = (mean[i]! - prior.mean[d]!) / prior.std[d]! + spread * eps[i]!;
    ratios[(i - d) / dimensions]! += 0.5 * (eps[i]! ** 2 - standardised ** 2) + Math.log(spread);
  }
  return ratios;
}

/** Terms of the importance weight of one trajectory for one image. */
export interface WeightTerms {
  /** log p(n), n = 0..N, `[N + 1]`. */
  readonly logCountPrior: ArrayLike<number>;
  /** log p(x | c_n), `[N + 1]`, nats. */
  readonly logLikelihoods: ArrayLike<number>;
  /** log p(z_t)/q(z_t) of step t's draw, t = 1..N, `[N]`. */
  readonly logRatios: ArrayLike<number>;
}

/** Logarithm of the importance weight of one trajectory, log Σ_n p(n) p(x|c_n) Π_{t≤n} p(z_t)/q(z_t). */
export function logImportanceWeight({ logCountPrior, logLikelihoods, logRatios }: WeightTerms): number {
  let ratio = 0;
  const joint = Float64Array.from({ length: logLikelihoods.length }, (_, n) => {
    if (n > 0) ratio += logRatios[n - 1]!;
    return logCountPrior[n]! + logLikelihoods[n]! + ratio;
  });
  return logSumExp(joint);
}

/** log Σ_k exp(values[k]); -∞ for no values. */
export function logSumExp(values: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < values.length; k++) most = Math.max(most, values[k]!);
  if (!Number.isFinite(most)) return most;
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += Math.exp(values[k]! - most);
  return most + Math.log(sum);
}

/** Logarithm of the mean of exp(values). Of the logarithms of K weights it is the importance-weighted bound. */
export function logMeanExp(values: ArrayLike<number>): number {
  return logSumExp(values) - Math.log(values.length);
}

/**
 * Effective sample size (Σ w)² / Σ w² of K weights (Kish, 1965): from 1, where one weight dominates, to K, where all are
 * equal.
 *
 * @param logWeights logarithms of the weights, `[K]`
 */
export function effectiveSampleSize(logWeights: ArrayLike<number>): number {
  const squares = Float64Array.from(logWeights, (logWeight) => 2 * logWeight);
  return Math.exp(2 * logSumExp(logWeights) - logSumExp(squares));
}
