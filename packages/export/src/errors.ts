/** The errors of this package. */
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
