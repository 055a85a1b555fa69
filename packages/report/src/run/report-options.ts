/** The options of a report of one run or several. */
import type { DataAccess } from "@air-onnx/scenes";
import type { TrainConfig } from "@air-onnx/train/runs";

/** The options of a report. */
export interface ReportOptions {
  /** Folders of the data that held-out images are loaded from, and listeners to loading them. */
  readonly places?: DataAccess;
  /** Number of held-out images to measure. Default: as many as in training. */
  readonly images?: number | undefined;
  /** Name and version of the program that makes the report, such as `air-onnx 0.1.0`. */
  readonly madeBy: string;
  /** Writes the command that trains a run with this configuration again, in a run folder called `name`. */
  readonly commandFor: (config: TrainConfig, name: string) => string;
  /** Stops the report when it aborts; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with a line about everything that was left out, and why. The report has the same lines. */
  readonly onNotice: (line: string) => void;
}
