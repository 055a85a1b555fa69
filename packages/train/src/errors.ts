/** The errors of this package. Each has fields that a caller can act on, so that nobody needs to read the message. */

/**
 * Why a checkpoint cannot be written or used:
 *
 * - `none`: the run has not saved one yet;
 * - `corrupt`: its files are not what was written;
 * - `other`: it is of another format version, or of another model than the run's;
 * - `not-finite`: it was not written because it has NaN or infinity.
 */
export type CheckpointErrorKind = "none" | "corrupt" | "other" | "not-finite";

/** The fields of a {@link CheckpointError}. */
export interface CheckpointErrorDetails extends ErrorOptions {
  /** Default `other`. */
  readonly kind?: CheckpointErrorKind;
  /** The file of the checkpoint, or the folder of all of them. */
  readonly file?: string | undefined;
}

/** A checkpoint cannot be written or used. The message names the file and the reason. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
  /** What is wrong. */
  readonly kind: CheckpointErrorKind;
  /** The file of the checkpoint, or the folder of all of them; undefined if it was not written. */
  readonly file: string | undefined;

  constructor(message: string, { kind = "other", file, ...options }: CheckpointErrorDetails = {}) {
    super(message, options);
    this.kind = kind;
    this.file = file;
  }
}

/** A run has not saved a checkpoint yet. */
export class NoCheckpointError extends CheckpointError {
  override name = "NoCheckpointError";
  /** The run folder. */
  readonly path: string;

  constructor(path: string) {
    super(`${path} has no checkpoint yet`, { kind: "none" });
    this.path = path;
  }
}

/** A run cannot be extended, as it has not done all its steps yet. */
export class UnfinishedRunError extends Error {
  override name = "UnfinishedRunError";
  /** The run folder. */
  readonly path: string;
  /** Training steps done. */
  readonly step: number;
  /** Training steps of the whole run. */
  readonly steps: number;

  constructor(path: string, step: number, steps: number) {
    super(`${path} has done ${step} of its ${steps} steps: it can be extended when it has done all`);
    this.path = path;
    this.step = step;
    this.steps = steps;
  }
}

/** The files of a checkpoint are not what was written. An older checkpoint may still be whole. */
export class CorruptCheckpointError extends CheckpointError {
  override name = "CorruptCheckpointError";

  constructor(message: string, details: Omit<CheckpointErrorDetails, "kind"> = {}) {
    super(message, { ...details, kind: "corrupt" });
  }
}

/** A checkpoint was trained with another configuration than its run has now. */
export class OtherConfigurationError extends CheckpointError {
  override name = "OtherConfigurationError";
  /** One line for each setting, such as `seed: 1 → 2`: the checkpoint's value, then the run's. */
  readonly differences: readonly string[];

  /**
   * @param file the JSON file of the checkpoint
   * @param configFile the configuration file of the run
   */
  constructor(file: string, configFile: string, differences: readonly string[]) {
    super(
      `${file} was trained with other settings than ${configFile} has now (checkpoint → run):\n` +
        `${differences.map((line) => `  ${line}`).join("\n")}\n` +
        "A run has one configuration: undo what was changed in either file, or start another run.",
      { file },
    );
    this.differences = differences;
  }
}

/**
 * Why a backend cannot run:
 *
 * - `missing`: a package or native library that it needs is not installed;
 * - `hardware`: there is no GPU or driver for it;
 * - `conflict`: what this process has loaded excludes it, such as a second copy of TensorFlow.js;
 * - `failed`: it is installed, and failed when it was tried.
 */
export type BackendUnavailableErrorKind = "missing" | "hardware" | "conflict" | "failed";

/** The fields of a {@link BackendUnavailableError} beside its backend and reason. */
export interface BackendUnavailableErrorDetails extends ErrorOptions {
  /** Default `failed`. */
  readonly kind?: BackendUnavailableErrorKind;
}

/** A training backend was asked for that cannot run here. */
export class BackendUnavailableError extends Error {
  override name = "BackendUnavailableError";
  /** The backend, by its name in the training configuration. */
  readonly backend: string;
  /** What is missing, and how to get it. */
  readonly reason: string;
  /** What kind of thing is missing. */
  readonly kind: BackendUnavailableErrorKind;

  constructor(backend: string, reason: string, { kind = "failed", ...options }: BackendUnavailableErrorDetails = {}) {
    super(`The backend ${backend} is not available: ${reason}`, options);
    this.backend = backend;
    this.reason = reason;
    this.kind = kind;
  }
}

/** The loss, or another measure of a training step, stopped being a number. The newest checkpoint is from before that. */
export class DivergedError extends Error {
  override name = "DivergedError";
  /** The first step with a value that is not finite. */
  readonly step: number;
  /** Which measure it is. */
  readonly metric: string;
  /** Its value: NaN or infinity. */
  readonly value: number;
  /** The step of the run's newest checkpoint; undefined if none was saved. */
  readonly checkpoint: number | undefined;

  constructor(step: number, metric: string, value: number, checkpoint: number | undefined) {
    const kept =
      checkpoint === undefined ? "no checkpoint had been saved" : `the checkpoint of step ${checkpoint} is kept`;
    const advice =
      step === 1
        ? "No update was made before it, so no learning rate helps: look at model.likelihood, model.prior, model.where and model.decoderBias."
        : "Try a lower optimizer.learningRate or optimizer.clipNorm, or another seed.";
    super(`Training diverged: ${metric} is ${value} at step ${step}; ${kept}. ${advice}`);
    this.step = step;
    this.metric = metric;
    this.value = value;
    this.checkpoint = checkpoint;
  }
}
