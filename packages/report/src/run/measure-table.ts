/** HTML tables of measured numbers. */
import { findMeasure, measureRows, plain } from "@air-onnx/measure";
import type { Markup } from "../html/markup.js";
import { dataTable } from "../html/page.js";

/** Fields of a log's record that are not measured numbers of the model. */
const unmeasured = new Set(["step", "kind", "trainingSeconds"]);

/** A table with a row for each measure in `numbers`, then one for each number whose name is not in the table of measures. */
export function measureTable(caption: string, numbers: object): Markup {
  const others = leaves(numbers).flatMap(([name, value]) =>
    typeof value === "number" && !isMeasured(name, value) && !unmeasured.has(name) ? [[name, plain(value)]] : [],
  );
  return dataTable({ caption, head: ["Measure", "Value"], rows: [...knownRows(numbers), ...others] });
}

/** A table with a row for each measure in `numbers`; undefined if there is none. */
export function knownMeasureTable(caption: string, numbers: object): Markup | undefined {
  const rows = knownRows(numbers);
  return rows.length > 0 ? dataTable({ caption, head: ["Measure", "Value"], rows }) : undefined;
}

/** Rows of all fields of `content` that are not measures, by dotted path. Lists are left out. */
export function unmeasuredRows(content: object): [name: string, text: string][] {
  return leaves(content).flatMap(([name, value]) =>
    isMeasured(name, value) ? [] : [[name, typeof value === "number" ? plain(value) : String(value)]],
  );
}

function knownRows(numbers: object): [label: string, text: string][] {
  return measureRows(numbers).map(({ measure, text }) => [measure.label, text]);
}

function isMeasured(name: string, value: Leaf): boolean {
  return typeof value === "number" && findMeasure(name) !== undefined;
}

type Leaf = number | string | boolean;

function leaves(value: unknown, path: readonly string[] = []): [name: string, value: Leaf][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
  }
  const isLeaf = typeof value === "number" || typeof value === "string" || typeof value === "boolean";
  return isLeaf ? [[path.join("."), value]] : [];
}
