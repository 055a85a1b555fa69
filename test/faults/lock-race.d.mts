/** Races in which `processes` processes take over the lock of a dead one at once, in `folder`: how many had how many winners. */
export function raceForLock(
  folder: string,
  options: { readonly races: number; readonly processes: number },
): Promise<{ readonly races: number; readonly winners: Readonly<Record<number, number>> }>;
