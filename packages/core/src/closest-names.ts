/** Finds the names, such as those of settings, that a mistyped or shortened one may mean. */

/** Most names that are proposed. */
const MOST = 3;
/** Share of the letters of a name that may be wrong, missing or too many. */
const WRONG_SHARE = 1 / 3;

/**
 * Returns the known names that are most like `key`, the best first; none if no name is like it. The last part of a name with dots counts: a
 * part of another group, its initials (`lr` for `learningRate`), or a few wrong letters are alike.
 */
export function closestNames(key: string, known: readonly string[]): string[] {
  const wanted = lastPart(key).toLowerCase();
  const most = Math.floor(wanted.length * WRONG_SHARE);
  return known
    .map((each) => ({ each, distance: distanceOf(wanted, lastPart(each)) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || a.each.length - b.each.length)
    .slice(0, MOST)
    .map(({ each }) => each);
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf(".") + 1);
}

/** How many letters differ; 0 for the initials. */
function distanceOf(wanted: string, name: string): number {
  const initials = name.replaceAll(/(?<=.)[a-z0-9]/g, "").toLowerCase();
  return initials.length > 1 && initials === wanted ? 0 : editDistance(wanted, name.toLowerCase());
}

/** The number of letters to change, add or leave out to make `b` of `a` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
