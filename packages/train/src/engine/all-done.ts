/**
 * Waits until all of `work` has ended, well or not: nothing goes on in the background.
 *
 * @returns the results in order
 * @throws the first failure, in order
 */
export async function allDone<Work extends readonly unknown[] | []>(
  work: Work,
): Promise<{ -readonly [Index in keyof Work]: Awaited<Work[Index]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
