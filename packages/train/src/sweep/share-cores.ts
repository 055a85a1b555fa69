/** How the processor is shared among the seeds of a sweep. */
import { availableParallelism } from "node:os";

/** How many seeds to train at once, and the threads of each. */
export function shareCores(
  jobs: number | undefined,
  threads: number,
  seeds: number,
): { readonly jobs: number; readonly threads: number } {
  if (threads > 0) return { jobs: Math.min(seeds, jobs ?? jobsFor(threads)), threads };
  const atOnce = Math.min(seeds, jobs ?? jobsFor(1));
  return { jobs: atOnce, threads: atOnce > 1 ? 1 : 0 };
}

/** @param threads of each; 0: as many as there are */
export function jobsFor(threads: number): number {
  return threads === 0 ? 1 : Math.max(1, Math.floor(availableParallelism() / threads));
}
