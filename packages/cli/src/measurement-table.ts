/** Measured numbers and confusion matrices as text for the terminal. */
import type { Evaluation, Measurement } from "@air-onnx/measure";
import { count } from "@air-onnx/measure/format";
import {
  headlines,
  type MeasureGroup,
  measureGroups,
  measureRowsByGroup,
  measuresByCount,
  written,
} from "@air-onnx/measure/measures";
import { table } from "./table.js";

/** An evaluation in a line: `MAP count accuracy 97.40 %, sampled count accuracy 96.93 %, ELBO 615.20 nats on 2,000 held-out images`. */
export function evaluationLine(evaluation: Evaluation): string {
  const { images, countedImages = images } = evaluation;
  const counted = countedImages < images ? `, counts on the ${count(countedImages)} whose true count is known` : "";
  return `${headlines(evaluation)} on ${count(images)} held-out images${counted}`;
}

/** The line in place of the confusion matrix where no true count is known. */
export function foundLine({ foundCounts }: Evaluation): string {
  const found = foundCounts.flatMap((images, n) => (images > 0 ? [`${n} in ${count(images)} images`] : []));
  return `Counts found: ${found.join(", ")}. How many of them are right is not measured: no true count is known.`;
}

/** An evaluation in a line, with its confusion matrix. */
export function evaluationLines(evaluation: Evaluation): string {
  const { confusion } = evaluation;
  if (!confusion) return `${evaluationLine(evaluation)}\n${foundLine(evaluation)}`;
  const header = ["true count", ...confusion[0]!.map((_, n) => `found ${n}`)];
  return `${evaluationLine(evaluation)}\n${table([header, ...countRows(confusion, (_, row) => row.map(count))])}`;
}

/** The text in place of a group of measures that was not measured. */
const missing: Partial<Record<MeasureGroup, string>> = {
  importance: "not measured (--iwae 100)",
  counts: "not measured (the true ones are not known)",
  boxes: "not measured (the true ones are not known)",
};

/** All numbers of a measurement. */
export function measurementLines(measurement: Measurement): string {
  const groups = measureRowsByGroup(measurement);
  const numbers = Object.entries(measureGroups).flatMap(([name, title]): string[][] => {
    const group = name as MeasureGroup;
    const rows = groups[group].map(({ measure, text }) => [`  ${measure.label}`, text]);
    if (rows.length > 0) return [[title, ""], ...rows];
    const reason = missing[group];
    return reason === undefined ? [] : [[title, reason]];
  });
  return [evaluationLine(measurement), countTable(measurement), table(numbers)].join("\n\n");
}

/** The confusion matrix with the measures by true count, or a line if no true count is known. */
function countTable(measurement: Measurement): string {
  const { confusion } = measurement;
  if (!confusion) return foundLine(measurement);
  const lists = measuresByCount.map(({ measure, list }) => ({ measure, values: measurement[list]! }));
  const header = [
    "true count",
    "images",
    ...lists.map(({ measure }) => measure.short),
    ...confusion[0]!.map((_, n) => `found ${n}`),
  ];
  const rows = countRows(confusion, (truth, row) => [
    count(row.reduce((sum, images) => sum + images, 0)),
    ...lists.map(({ measure, values }) => written(measure, values[truth]!)),
    ...row.map(count),
  ]);
  return table([header, ...rows]);
}

/** A row for each true count that an image has. */
function countRows(
  confusion: readonly (readonly number[])[],
  cells: (truth: number, row: readonly number[]) => string[],
): string[][] {
  return confusion.flatMap((row, truth) =>
    row.some((images) => images > 0) ? [[String(truth), ...cells(truth, row)]] : [],
  );
}
