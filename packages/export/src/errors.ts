/** The errors of this package. */
import type { AlertRecord } from "@air-onnx/train";
import type { ParityReport } from "./parity.js";

/** The exported graphs compute something else than what was trained. Nothing was exported. */
export class ParityError extends Error {
  override name = "ParityError";
  /** How far every output is from what it should be. */
  readonly report: ParityReport;

  constructor(report: ParityReport) {
    super("The exported graphs differ from what was trained: nothing was exported");
    this.report = report;
  }
}

/** The run does not count: its last evaluation says so. Nothing was exported. */
export class CollapsedRunError extends Error {
  override name = "CollapsedRunError";
  /** The run folder. */
  readonly path: string;
  /** What the last evaluation showed. */
  readonly alerts: readonly AlertRecord[];

  constructor(path: string, alerts: readonly AlertRecord[]) {
    super(
      `The run in ${path} has not learned to count: nothing was exported\n` +
        `${alerts.map(({ step, message }) => `  At step ${step}: ${message}`).join("\n")}\n` +
        "Train another one, or set force to export this one all the same",
    );
    this.path = path;
    this.alerts = alerts;
  }
}
