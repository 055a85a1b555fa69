/** The errors of this package. Each has fields that a caller can act on, so that nobody needs to read the message. */

/** The loss or another number of a training step is not finite. The state before these steps is kept. */
export class TrainingDivergedError extends Error {
  override name = "TrainingDivergedError";
  /** The step, 1 for the first. */
  readonly step: number;
  /** Name of the metric. */
  readonly metric: string;
  /** Its value: NaN or an infinity. */
  readonly value: number;

  constructor(step: number, metric: string, value: number) {
    super(`The ${metric} of step ${step} is ${value}: training has diverged. Start again with another seed`);
    this.step = step;
    this.metric = metric;
    this.value = value;
  }
}

/** Training files do not fit together, or a file is not the one that the manifest names. */
export class TrainingFileError extends Error {
  override name = "TrainingFileError";
  /** Path of the file within the folder of the training files. */
  readonly file: string;

  constructor(message: string, file: string, options?: ErrorOptions) {
    super(message, options);
    this.file = file;
  }
}

/** A checkpoint does not fit the training that it is to go on with. */
export class TrainerCheckpointError extends Error {
  override name = "TrainerCheckpointError";
  /** Name of the parameter that does not fit; undefined if it is none in particular. */
  readonly parameter: string | undefined;

  constructor(message: string, parameter?: string) {
    super(message);
    this.parameter = parameter;
  }
}
