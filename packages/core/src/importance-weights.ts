/**
 * Importance-weighted bounds on log p(x) (Burda et al., "Importance weighted autoencoders", ICLR 2016) with the number of
 * objects summed out. With draws z of q alone, and no analytic KL, the weight
 *
 *   w = Σ_n p(n) p(x|c_n) Π_{t≤n} p(z_t)/q(z_t|x)
 *
 * has the mean p(x), so that E log(1/K Σ_k w_k) ≤ log p(x), rising with K. Everything here is in float64.
 */

/** Diagonal normal posteriors of B images and the standard normal draws from them, each `[B, D]`. */
export interface NormalDraws {
  /** Means of the posteriors. */
  readonly mean: ArrayLike<number>;
  /** Standard deviations of the posteriors. */
  readonly std: ArrayLike<number>;
  /** Standard normal draws. */
  readonly eps: ArrayLike<number>;
}

/**
 * log p(z)/q(z) of z = mean + std·eps for the prior p = N(prior.mean, prior.std²), summed over the dimensions.
 *
 * @param prior `[D]` each
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

/** What one trajectory says about one image: the terms of its importance weight. */
export interface WeightTerms {
  /** log p(n), n = 0..N, `[N + 1]`. */
  readonly logCountPrior: ArrayLike<number>;
  /** log p(x | c_n), `[N + 1]`, nats. */
  readonly logLikelihoods: ArrayLike<number>;
  /** log p(z_t)/q(z_t) of step t's draw, t = 1..N, `[N]`. */
  readonly logRatios: ArrayLike<number>;
}

/** log w = log Σ_n p(n) p(x|c_n) Π_{t≤n} p(z_t)/q(z_t), of one trajectory. */
export function logImportanceWeight({ logCountPrior, logLikelihoods, logRatios }: WeightTerms): number {
  let ratio = 0;
  const joint = Float64Array.from({ length: logLikelihoods.length }, (_, n) => {
    if (n > 0) ratio += logRatios[n - 1]!;
    return logCountPrior[n]! + logLikelihoods[n]! + ratio;
  });
  return logSumExp(joint);
}

/** log Σ_k exp(values[k]); -∞ for none. */
export function logSumExp(values: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < values.length; k++) most = Math.max(most, values[k]!);
  if (!Number.isFinite(most)) return most;
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += Math.exp(values[k]! - most);
  return most + Math.log(sum);
}

/** log of the mean of exp(values): the importance-weighted bound, for the logarithms of K weights. */
export function logMeanExp(values: ArrayLike<number>): number {
  return logSumExp(values) - Math.log(values.length);
}

/** (Σ w)² / Σ w² of weights by their logarithms, from 1 (one weight is all) to K (all are equal); Kish, 1965. */
export function effectiveSampleSize(logWeights: ArrayLike<number>): number {
  const squares = Float64Array.from(logWeights, (logWeight) => 2 * logWeight);
  return Math.exp(2 * logSumExp(logWeights) - logSumExp(squares));
}
