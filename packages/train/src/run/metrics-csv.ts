/** `metrics.csv`: the numbers of `metrics.jsonl` as a table, for spreadsheets. */
import type { MetricsRecord } from "./metrics-log.js";

/**
 * The reports of a run as CSV: a row for each, a column for each number, in the order in which they first appear. A number that
 * a report does not have is an empty cell.
 */
export function metricsCsv(records: readonly MetricsRecord[]): string {
  const columns = [...new Set(["step", "kind", ...records.flatMap((record) => Object.keys(record))])];
  const rows = records.map((record) => columns.map((column) => record[column] ?? "").join(","));
  return [columns.join(","), ...rows, ""].join("\n");
}
