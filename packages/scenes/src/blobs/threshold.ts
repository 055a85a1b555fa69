/** Thresholds that tell objects from their ground in images of bright objects on 0. */

const BINS = 256;

/**
 * Otsu's threshold (IEEE Transactions on Systems, Man, and Cybernetics 9, 1979): of all ways to divide the values into dark and
 * bright ones, the one whose means are farthest apart, weighted by both shares.
 *
 * @param values intensities in [0, 1]
 * @returns the least intensity that counts as bright, in (0, 1); 0.5 if all values are equal
 */
export function otsuThreshold(values: ArrayLike<number>): number {
  const histogram = new Float64Array(BINS);
  for (let i = 0; i < values.length; i++) histogram[Math.min(BINS - 1, Math.floor(values[i]! * BINS))]!++;
  let total = 0;
  histogram.forEach((number, bin) => {
    total += number * bin;
  });
  let [below, sumBelow, best, first, last] = [0, 0, 0, 0, 0];
  for (let bin = 1; bin < BINS; bin++) {
    below += histogram[bin - 1]!;
    sumBelow += histogram[bin - 1]! * (bin - 1);
    const above = values.length - below;
    if (below === 0 || above === 0) continue;
    const variance = below * above * (sumBelow / below - (total - sumBelow) / above) ** 2;
    if (variance > best) [best, first, last] = [variance, bin, bin];
    else if (variance === best) last = bin;
  }
  // Every threshold in a gap of the histogram divides alike: the middle of the gap.
  return best === 0 ? 0.5 : (first + last) / 2 / BINS;
}
