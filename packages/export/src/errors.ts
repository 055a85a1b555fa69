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

/** What an {@link OpsetError} says besides its message. */
export interface OpsetProblem {
  /** The opset that was asked for. */
  readonly opset: number;
  /** The least opset that would do; for a model that is in an older one already, that one. */
  readonly least: number;
  /** The operator that needs it, if it is one. */
  readonly operator?: string;
}

/** A model cannot be written in the opset that was asked for. */
export class OpsetError extends Error {
  override name = "OpsetError";
  /** The opset that was asked for. */
  readonly opset: number;
  /** The least opset that would do; for a model that is in an older one already, that one. */
  readonly least: number;
  /** The operator that needs it; undefined if it is the model as a whole. */
  readonly operator: string | undefined;

  constructor(message: string, { opset, least, operator }: OpsetProblem) {
    super(message);
    this.opset = opset;
    this.least = least;
    this.operator = operator;
  }
}

/** What is wrong with a conversion. */
export interface ConversionProblem {
  /** `unmeasured`: the weights change, and there are no images to measure on. `different`: the scene file is not the model. */
  readonly kind: "unmeasured" | "different";
  /** The folder. */
  readonly path: string;
}

/** A model folder cannot be converted as asked. Nothing was written. */
export class ConversionError extends Error {
  override name = "ConversionError";
  /** What is wrong. */
  readonly kind: ConversionProblem["kind"];
  /** The folder. */
  readonly path: string;

  constructor(message: string, { kind, path }: ConversionProblem) {
    super(message);
    this.kind = kind;
    this.path = path;
  }
}
