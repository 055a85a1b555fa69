/** Tables as spreadsheets read them (RFC 4180). */

/** What a cell holds; nothing if undefined. */
export type Cell = string | number | boolean | undefined;

/** Characters with which spreadsheets begin a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * One row, with the line break that RFC 4180 asks for. Text that a spreadsheet would take for a formula, such as the name of a file
 * from a stranger, gets an apostrophe before it.
 */
export function csvRow(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(",")}\r\n`;
}

function cellText(cell: Cell): string {
  if (cell === undefined) return "";
  if (typeof cell !== "string") return String(cell);
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * What a table begins with: its header, and before it a byte-order mark if a text that will come is not ASCII, because Excel
 * takes such a file for one in the system's encoding otherwise.
 *
 * @param texts the texts that will come
 */
export function csvHead(header: readonly string[], texts: readonly string[]): string {
  const isAscii = texts.every((text) => /^[\0-\x7f]*$/.test(text));
  return `${isAscii ? "" : "\ufeff"}${csvRow(header)}`;
}
