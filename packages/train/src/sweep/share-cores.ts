/** Shares the cores of the processor among the seeds of a sweep. */
import { availableParallelism } from "node:os";

/**
 * Computes the number of seeds to train at once, and of the threads of each.
 *
 * @param jobs requested number of seeds at once, if any
 * @param threads requested threads of each seed; 0 lets them be chosen
 * @param seeds number of seeds to train
 */
export function shareCores(
  jobs: number | undefined,
  threads: number,
  seeds: number,
): { readonly jobs: number; readonly threads: number } {
  if (threads > 0) return { jobs: Math.min(seeds, jobs ?? jobsFor(threads)), threads };
  const atOnce = Math.min(seeds, jobs ?? jobsFor(1));
  return { jobs: atOnce, threads: atOnce > 1 ? 1 : 0 };
}

/**
 * Computes the number of seeds that the cores of this machine can train at once.
 *
 * @param threads threads of each seed; 0 for all cores
 */
export function jobsFor(threads: number): number {
  return threads === 0 ? 1 : Math.max(1, Math.floor(availableParallelism() / threads));
}
