/** Tables in Markdown. */

/** The content of a table. */
export interface MarkdownTable {
  /** Heads of the columns. */
  readonly head: readonly string[];
  /** Rows of cells, as many in each row as in `head`. */
  readonly rows: readonly (readonly string[])[];
  /** Indices of the columns of text, which are aligned to the left; numbers are aligned to the right. Default: the first. */
  readonly textColumns?: readonly number[];
}

/**
 * Writes a table, padded so that it reads well as plain text too. In cells, line breaks become spaces and `|` is escaped.
 *
 * @throws {RangeError} if a row has more or fewer cells than the head
 */
export function markdownTable({ head, rows, textColumns = [0] }: MarkdownTable): string {
  for (const row of rows) {
    if (row.length === head.length) continue;
    throw new RangeError(`A table with ${head.length} columns has a row of ${row.length} cells: ${row.join(", ")}`);
  }
  const lines = [head, ...rows].map((row) => row.map(escaped));
  const isText = (column: number): boolean => textColumns.includes(column);
  const widths = head.map((_, column) => {
    const lengths = lines.map((row) => row[column]!.length);
    // Text in the last column is not padded. A rule has at least three dashes.
    const isRagged = column === head.length - 1 && isText(column);
    return Math.max(3, isRagged ? lengths[0]! : Math.max(...lengths));
  });
  const lineOf = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const [first, ...others] = lines.map((row) =>
    lineOf(row.map((cell, i) => (isText(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))),
  );
  const rule = lineOf(widths.map((width, i) => (isText(i) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)));
  return [first, rule, ...others].join("\n");
}

function escaped(cell: string): string {
  return cell.replaceAll(/\s*[\r\n]+\s*/g, " ").replaceAll("|", "\\|");
}
