/** A configuration, manifest or option that does not have the required form. */
export class ConfigError extends Error {
  override name = "ConfigError";
}
