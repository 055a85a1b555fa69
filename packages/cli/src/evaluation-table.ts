/** What was measured as lines: the numbers, and which counts are taken for which. */
import type { Evaluation, Measurement } from "@air-onnx/measure";
import { count, percent } from "@air-onnx/measure/format";
import { table } from "./table.js";
import { evaluationLine } from "./training-report.js";

/** An evaluation in short. */
export function evaluationLines(evaluation: Evaluation): string {
  const { confusion } = evaluation;
  const header = ["true count", ...confusion[0]!.map((_, n) => `found ${n}`)];
  return `${evaluationLine(evaluation)}\n${table([header, ...countRows(evaluation, (_, row) => row.map(count))])}`;
}

/** All of a measurement. */
export function measurementLines(measurement: Measurement): string {
  const { confusion, countAccuracyMapByCount, elbo, elboStandardError, presencePriorFitted } = measurement;
  const header = ["true count", "images", "right", ...confusion[0]!.map((_, n) => `found ${n}`)];
  const counts = countRows(measurement, (truth, row) => [
    count(row.reduce((sum, images) => sum + images, 0)),
    percent(countAccuracyMapByCount[truth]!),
    ...row.map(count),
  ]);
  const { logLikelihood, klWhere, klWhat, klCount } = measurement;
  const numbers = [
    ["count accuracy at the posterior means", percent(measurement.countAccuracyMean)],
    ...(measurement.pruned
      ? [["  without objects that explain nothing", percent(measurement.pruned.countAccuracy)]]
      : []),
    ["ELBO, nats an image", `${nats(elbo)} ± ${nats(elboStandardError)}`],
    ["  log-likelihood", nats(logLikelihood)],
    ["  KL where", nats(klWhere)],
    ["  KL what", nats(klWhat)],
    ["  KL count", nats(klCount)],
    [`ELBO with presence prior ${presencePriorFitted.presence.toPrecision(3)}, fitted`, nats(presencePriorFitted.elbo)],
    ...importanceRows(measurement),
    ...boxRows(measurement),
  ];
  return [evaluationLine(measurement), table([header, ...counts]), table(numbers)].join("\n\n");
}

function importanceRows({ importanceWeighted: measured }: Measurement): string[][] {
  if (!measured) return [["importance-weighted bound on log p(x)", "not measured (--iwae 100)"]];
  const { samples, images, bound, standardError, effectiveSamples, analyticKlFormula } = measured;
  return [
    [
      `importance-weighted bound on log p(x), K = ${count(samples)}, ${count(images)} images`,
      `${nats(bound)} ± ${nats(standardError)}`,
    ],
    ["  effective samples", effectiveSamples.toFixed(1)],
    ["  by analytic KLs, which is no bound", nats(analyticKlFormula)],
  ];
}

function boxRows({ boxes }: Measurement): string[][] {
  if (!boxes) return [["boxes", "not measured (the true ones are not known)"]];
  const iou = (value: number | null): string => (value === null ? "none" : value.toFixed(3));
  const share = (value: number | null): string => (value === null ? "none" : percent(value));
  return [
    ["boxes, mean IoU of those matched", iou(boxes.meanIouMatched)],
    ["  with 0 for each without a match", iou(boxes.meanIou)],
    ["  precision at IoU 0.5", share(boxes.precision)],
    ["  recall at IoU 0.5", share(boxes.recall)],
  ];
}

/** A row for each true count that an image has; others would be rows of zeros. */
function countRows({ confusion }: Evaluation, cells: (truth: number, row: readonly number[]) => string[]): string[][] {
  return confusion.flatMap((row, truth) =>
    row.some((images) => images > 0) ? [[String(truth), ...cells(truth, row)]] : [],
  );
}

function nats(value: number): string {
  return value.toFixed(2);
}
