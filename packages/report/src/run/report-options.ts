/** What the report of a run or of several needs from whoever asks for it. */
import type { DataAccess } from "@air-onnx/scenes";
import type { TrainConfig } from "@air-onnx/train/runs";

export interface ReportOptions {
  /** Where held-out images come from. */
  readonly places?: DataAccess;
  /** Held-out images to measure; as many as in training by default. */
  readonly images?: number | undefined;
  /** What makes the report, such as `air-onnx 0.1.0`. */
  readonly madeBy: string;
  /** The command that trains such a run again, in a run folder called `name`. */
  readonly commandFor: (config: TrainConfig, name: string) => string;
  readonly signal?: AbortSignal | undefined;
  /** Is told, as the report's reader is, of everything that was left out and why. */
  readonly onNotice: (line: string) => void;
}
