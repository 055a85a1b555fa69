/** Measured numbers by the names that programs give them, as people read them. */

import { count, percent } from "@air-onnx/measure";
import type { Insert, Markup } from "../html/markup.js";
import { dataTable } from "../html/page.js";

const nats = (value: number): string => `${value.toFixed(2)} nats`;
const share = (value: number): string => percent(value);
const iou = (value: number): string => value.toFixed(3);

/** How a measure is called and written. */
const known: Readonly<Record<string, readonly [label: string, write: (value: number) => string]>> = {
  images: ["Images", count],
  countAccuracyMap: ["Count accuracy, most probable count", share],
  countAccuracySampled: ["Count accuracy, sampled count", share],
  elbo: ["ELBO, mean per image", nats],
  elboStandardError: ["Standard error of the ELBO", nats],
  logLikelihood: ["Log-likelihood", nats],
  klWhere: ["KL of where", nats],
  klWhat: ["KL of what", nats],
  klCount: ["KL of the count", nats],
  countAccuracyMean: ["Count accuracy at the posterior's means", share],
  "pruned.countAccuracy": ["… without objects that explain nothing", share],
  "pruned.boxes.meanIouMatched": ["Mean IoU of matched boxes, pruned", iou],
  "pruned.boxes.meanIou": ["Mean IoU, 0 for a box without a match, pruned", iou],
  "pruned.boxes.precision": ["Precision of boxes at IoU 0.5, pruned", share],
  "pruned.boxes.recall": ["Recall of boxes at IoU 0.5, pruned", share],
  "presencePriorFitted.presence": ["Presence prior fitted to these images", (value) => value.toPrecision(3)],
  "presencePriorFitted.elbo": ["ELBO with the fitted presence prior", nats],
  "importanceWeighted.samples": ["Importance samples K", count],
  "importanceWeighted.images": ["Images of the importance-weighted bound", count],
  "importanceWeighted.bound": ["Importance-weighted bound on log p(x)", nats],
  "importanceWeighted.standardError": ["Its standard error", nats],
  "importanceWeighted.effectiveSamples": ["Effective samples", (value) => value.toFixed(1)],
  "importanceWeighted.analyticKlFormula": ["By analytic KLs, which is no bound", nats],
  "boxes.meanIouMatched": ["Mean IoU of matched boxes", iou],
  "boxes.meanIou": ["Mean IoU, 0 for a box without a match", iou],
  "boxes.precision": ["Precision of boxes at IoU 0.5", share],
  "boxes.recall": ["Recall of boxes at IoU 0.5", share],
};

/** Numbers that say nothing of the model. */
const unmeasured = new Set(["step", "kind", "trainingSeconds"]);

/** Whether a measure has a name for people. */
export function isKnownMeasure(name: string): boolean {
  return name in known;
}

/** A row of {@link measureTable}; none if `value` is not a measured number. */
export function measureRow(name: string, value: unknown): [label: string, value: string][] {
  if (typeof value !== "number" || unmeasured.has(name)) return [];
  const [label, write] = known[name] ?? [name, general];
  return [[label, write(value)]];
}

export function measureTable(caption: string, rows: readonly (readonly Insert[])[]): Markup {
  return dataTable({ caption, head: ["Measure", "Value"], rows });
}

/** A number of which nothing is known. */
export function general(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 6 });
}
