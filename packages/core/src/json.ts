/** JSON from outside → plain data that is safe to walk, merge and copy. */
import { ConfigError } from "./errors.js";
import { MAX_JSON_DEPTH } from "./limits.js";

/**
 * Parses JSON that is not trusted. What it returns is nested at most {@link MAX_JSON_DEPTH} deep, and no object has a key
 * `__proto__`, by which code that merges settings would change every object of the process.
 *
 * @param source what an error calls it, such as `manifest models/x/config.json`
 * @throws {ConfigError} if it is not UTF-8 or not JSON, is nested deeper, or has such a key
 */
export function parseJson(text: string | Uint8Array, source: string): unknown {
  let json: unknown;
  try {
    const decoded = typeof text === "string" ? text : new TextDecoder("utf-8", { fatal: true }).decode(text);
    checkDepth(decoded, source);
    json = JSON.parse(decoded);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`${source} is not JSON: ${String(cause)}`, { kind: "json", source, cause });
  }
  checkKeys(json, source);
  return json;
}

/** Before anything recurses over it. Of text that is not JSON, what counts as a string does not matter. */
function checkDepth(text: string, source: string): void {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (isInString) {
      if (character === "\\") at++;
      else if (character === '"') isInString = false;
    } else if (character === '"') {
      isInString = true;
    } else if (character === "{" || character === "[") {
      if (++depth > MAX_JSON_DEPTH) {
        throw new ConfigError(`${source} nests objects or lists more than ${MAX_JSON_DEPTH} deep`, {
          kind: "json",
          source,
        });
      }
    } else if (character === "}" || character === "]") {
      depth--;
    }
  }
}

function checkKeys(value: unknown, source: string): void {
  if (typeof value !== "object" || value === null) return;
  if (Object.hasOwn(value, "__proto__")) {
    throw new ConfigError(`${source} has the key "__proto__", which names no setting`, { kind: "json", source });
  }
  for (const inner of Object.values(value)) checkKeys(inner, source);
}
