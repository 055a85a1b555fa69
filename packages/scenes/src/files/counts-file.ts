/**
 * Reads `counts.csv`, the number of objects in each image of a folder, as people's programs write it: with or without a header,
 * quotes, a byte-order mark and a column of row numbers, in UTF-8, UTF-16 or Windows-1252, with commas, semicolons or tabs.
 */
import { basename } from "node:path";
import { type CsvError, parse } from "csv-parse/sync";
import { DataError } from "../errors.js";
import { readWholeFile } from "./read-file.js";
import { listed } from "./zip.js";

/** Name of the file with the counts. */
export const COUNTS_FILE = "counts.csv";
/** Most bytes of the file: enough for a million lines with names of 60 letters. */
const MAX_COUNTS_BYTES = 2 ** 26;
/** Most characters of a line. */
const MAX_LINE = 2 ** 16;
/** Largest count: counts are kept in bytes. */
const MAX_COUNT = 255;
/** Heads of the columns, in small letters. */
const FILE_HEADS = ["file", "filename", "file_name", "name", "image", "image_name", "path", "filepath"];
const COUNT_HEADS = ["count", "counts", "n_obj", "n", "objects", "n_objects", "num_objects", "number"];
/** Cells for a count that is not known, in small letters: empty, of R, pandas and SQL. */
const UNKNOWN = new Set(["", "na", "nan", "n/a", "none", "null", "?"]);
/** Separators, the first that divides the first line. */
const SEPARATORS = ["\t", ";", ","] as const;

interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Reads the counts by image name. Where no name is the same, names are alike that differ only in Unicode's normal form, then also
 * in letter case, then also in the folders before them.
 *
 * @param names names of the images
 * @param say called with a line about names that are not the same as those of the images
 * @throws {FileError} if the file cannot be read
 * @throws {DataError} naming the line that is wrong
 */
export async function readCounts(
  path: string,
  names: readonly string[],
  say: (line: string) => void,
): Promise<Map<string, number>> {
  const fail = (line: number, reason: string): never => {
    throw new DataError(`${path}, line ${line}: ${reason}`, { file: path });
  };
  // With one row more than there are images, beside the heads, two rows have the same name or one has none of them.
  const text = decoded(await readWholeFile(path, { maxBytes: MAX_COUNTS_BYTES }));
  const rows = parseRows(text, names.length + 2, fail);
  const imageOf = nameFinder(names);
  const counts = new Map<string, number>();
  const alike: string[] = [];
  const [first] = rows;
  if (!first) return counts;
  const columns = columnsOf(first, rows[1], (cell) => imageOf(cell).length > 0, fail);
  for (const { line, cells } of columns.hasHead ? rows.slice(1) : rows) {
    const [cell, text] = [cells[columns.file], cells[columns.count]];
    if (cell === undefined || text === undefined) {
      return fail(line, `"${cells.join(",").slice(0, 100)}" is not of the form file,count, such as 0001.png,2`);
    }
    const [name, ...others] = imageOf(cell);
    if (name === undefined) return fail(line, `there is no image ${cell.slice(0, 100)} in the folder`);
    if (others.length > 0) fail(line, `${cell} may be any of ${listed([name, ...others])}: write one of these names`);
    if (UNKNOWN.has(text.toLowerCase())) continue;
    const count = Number(text);
    if (!Number.isInteger(count) || count < 0) {
      fail(
        line,
        `"${text.slice(0, 100)}" is no number of objects; lines are of the form file,count, such as 0001.png,2`,
      );
    }
    if (count > MAX_COUNT) fail(line, `${count} objects are too many, at most ${MAX_COUNT} can be`);
    if (counts.has(name)) fail(line, `${name} has a count already`);
    if (name !== cell) alike.push(cell);
    counts.set(name, count);
  }
  // What follows was not read.
  if (rows.length === names.length + 2) fail(rows.at(-1)!.line, `there are only ${names.length} images in the folder`);
  if (alike.length > 0) {
    say(
      `${path}: ${alike.length} names are not quite those of the images, such as ${alike[0]}: taken as the images that they are most alike`,
    );
  }
  return counts;
}

/** The text of a file in UTF-8, in UTF-16 with a byte-order mark, or, if it is neither, in Windows-1252. */
function decoded(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** Parses the first `most` rows. */
function parseRows(text: string, most: number, fail: (line: number, reason: string) => never): Row[] {
  const firstLine = /^.*$/m.exec(text.trimStart())?.[0] ?? "";
  const delimiter = SEPARATORS.find((separator) => firstLine.includes(separator)) ?? ",";
  try {
    const records = parse(text, {
      bom: true,
      delimiter,
      info: true,
      trim: true,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: MAX_LINE,
      to: most,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({ line: info.lines, cells: record }));
  } catch (cause) {
    const { lines, message } = cause as CsvError & { readonly lines?: number };
    return fail(lines ?? 1, `it is not a CSV file: ${message}`);
  }
}

/** Finds the columns by their heads, or by what is in them. */
function columnsOf(
  first: Row,
  second: Row | undefined,
  isImage: (cell: string) => boolean,
  fail: (line: number, reason: string) => never,
): { readonly file: number; readonly count: number; readonly hasHead: boolean } {
  const isNumber = (cell: string): boolean => cell !== "" && Number.isFinite(Number(cell));
  const hasHead = !first.cells.some((cell) => isImage(cell) || isNumber(cell));
  if (!hasHead) {
    // Before the name may be a row number.
    const file = first.cells.length > 2 ? first.cells.findIndex(isImage) : 0;
    const others = first.cells.flatMap((_, column) => (column === file ? [] : [column]));
    return { file: Math.max(0, file), count: others.at(-1) ?? 1, hasHead };
  }
  const heads = first.cells.map((cell) => cell.toLowerCase());
  const headed = (wanted: readonly string[]): number => heads.findIndex((head) => wanted.includes(head));
  const file = headed(FILE_HEADS) >= 0 ? headed(FILE_HEADS) : (second?.cells.findIndex(isImage) ?? -1);
  const count = headed(COUNT_HEADS) >= 0 ? headed(COUNT_HEADS) : heads.length === 2 && file >= 0 ? 1 - file : -1;
  if (file < 0 || count < 0) {
    return fail(
      first.line,
      `its columns are ${listed(first.cells)}: call the column of names file, and that of counts count`,
    );
  }
  return { file, count, hasHead };
}

/** Makes a function that finds the images that a name may mean: those that are alike in the strictest way in which any is. */
function nameFinder(names: readonly string[]): (cell: string) => readonly string[] {
  const forms: readonly ((name: string) => string)[] = [
    (name) => name,
    (name) => name.normalize("NFC"),
    (name) => name.normalize("NFC").toLowerCase(),
    (name) => basename(name.replaceAll("\\", "/")).normalize("NFC").toLowerCase(),
  ];
  const found = forms.map((form) => {
    const images = new Map<string, string[]>();
    for (const name of names) {
      const key = form(name);
      const same = images.get(key);
      if (same) same.push(name);
      else images.set(key, [name]);
    }
    return (cell: string) => images.get(form(cell));
  });
  return (cell) => {
    for (const find of found) {
      const images = find(cell);
      if (images) return images;
    }
    return [];
  };
}
