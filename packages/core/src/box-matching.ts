/** Matches found boxes with true boxes: the assignment with the largest sum of intersections over unions. */
import { type Box, intersectionOverUnion } from "./where.js";

/** A found box and the true box that it is matched with. */
export interface BoxMatch {
  /** Index of the found box. */
  readonly found: number;
  /** Index of the true box. */
  readonly truth: number;
  /** Their intersection over union, above 0. */
  readonly iou: number;
}

/**
 * Matches found boxes with true ones. Each box is in at most one pair; boxes that do not overlap are never a pair.
 *
 * @returns the pairs, in the order of the found boxes
 */
export function matchBoxes(found: readonly Box[], truth: readonly Box[]): BoxMatch[] {
  const overlaps = found.map((box) => truth.map((other) => intersectionOverUnion(box, other)));
  // The assignment takes no fewer columns than rows.
  const transposed = found.length > truth.length;
  const [rows, columns] = transposed ? [truth.length, found.length] : [found.length, truth.length];
  const overlap = (row: number, column: number): number =>
    transposed ? overlaps[column]![row]! : overlaps[row]![column]!;
  return assignRows(rows, columns, (row, column) => -overlap(row, column))
    .map((column, row) => ({
      found: transposed ? column : row,
      truth: transposed ? row : column,
      iou: overlap(row, column),
    }))
    .filter(({ iou }) => iou > 0)
    .sort((a, b) => a.found - b.found);
}

/**
 * Assigns each row its own column so that the sum of the costs is least: the Hungarian method by shortest augmenting
 * paths (Jonker and Volgenant, Computing 38, 1987), O(rows² · columns).
 *
 * @param columns number of columns, at least as large as `rows`
 * @returns the column of each row
 */
export function assignRows(rows: number, columns: number, cost: (row: number, column: number) => number): number[] {
  // Row 0 and column 0 are sentinels: the row that is being added starts at column 0.
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(columns + 1);
  /** The row that is assigned to each column, 0 for none. */
  const takenBy = new Uint32Array(columns + 1);
  for (let row = 1; row <= rows; row++) {
    takenBy[0] = row;
    const distance = new Float64Array(columns + 1).fill(Number.POSITIVE_INFINITY);
    const reachedFrom = new Uint32Array(columns + 1);
    const visited = new Uint8Array(columns + 1);
    let column = 0;
    do {
      visited[column] = 1;
      const from = takenBy[column]!;
      let nearest = 0;
      let least = Number.POSITIVE_INFINITY;
      for (let next = 1; next <= columns; next++) {
        if (visited[next]) continue;
        const reduced = cost(from - 1, next - 1) - rowPotential[from]! - columnPotential[next]!;
        if (reduced < distance[next]!) {
          distance[next] = reduced;
          reachedFrom[next] = column;
        }
        if (distance[next]! < least) {
          least = distance[next]!;
          nearest = next;
        }
      }
      for (let each = 0; each <= columns; each++) {
        if (visited[each]) {
          rowPotential[takenBy[each]!]! += least;
          columnPotential[each]! -= least;
        } else {
          distance[each]! -= least;
        }
      }
      column = nearest;
    } while (takenBy[column] !== 0);
    while (column !== 0) {
      const previous = reachedFrom[column]!;
      takenBy[column] = takenBy[previous]!;
      column = previous;
    }
  }
  const assigned = new Array<number>(rows).fill(-1);
  for (let column = 1; column <= columns; column++) {
    if (takenBy[column]! > 0) assigned[takenBy[column]! - 1] = column - 1;
  }
  return assigned;
}
