/** An evaluation as lines: the numbers, and which counts are taken for which. */
import type { Evaluation } from "@air-onnx/train";
import { count, table } from "./format.js";
import { evaluationLine } from "./training-report.js";

export function evaluationLines(evaluation: Evaluation): string {
  const { confusion } = evaluation;
  const header = ["true count", ...confusion[0]!.map((_, n) => `found ${n}`)];
  // A count that no image has would be a row of zeros.
  const rows = confusion.flatMap((row, truth) =>
    row.some((images) => images > 0) ? [[String(truth), ...row.map(count)]] : [],
  );
  return `${evaluationLine(evaluation)}\n${table([header, ...rows])}`;
}
