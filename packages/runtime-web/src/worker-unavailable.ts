/** A worker could not be started at all, as where the page's policy or its way of bundling has none. */
export class WorkerUnavailableError extends Error {
  override name = "WorkerUnavailableError";
}
