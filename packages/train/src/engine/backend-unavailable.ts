/** A backend was asked for that cannot run here. */
export class BackendUnavailableError extends Error {
  override name = "BackendUnavailableError";
  readonly backend: string;
  /** What is missing, and how to get it. */
  readonly reason: string;

  constructor(backend: string, reason: string, options?: ErrorOptions) {
    super(`The backend ${backend} is not available: ${reason}`, options);
    this.backend = backend;
    this.reason = reason;
  }
}
