/** Data that cannot be had: a file that is missing, damaged or not what it should be. The message says what to do. */
export class DataError extends Error {
  override name = "DataError";
}
