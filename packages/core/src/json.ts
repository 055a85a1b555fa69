/** Parses JSON from outside into plain data that is safe to walk, merge and copy. */
import { ConfigError } from "./errors.js";
import { MAX_JSON_DEPTH } from "./limits.js";

/**
 * Parses JSON that is not trusted. The result is nested at most 32 deep, so that code which recurses over it is safe. No
 * object has a key `__proto__`, with which code that merges settings would change every object of the process.
 *
 * @param source name of the text in error messages, such as `manifest models/x/config.json`
 * @throws {ConfigError} if the text is not UTF-8 or not JSON, is nested deeper, or has a key `__proto__`
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

/**
 * Checks the depth of JSON text before anything recurses over it. For text that is not JSON the depth may be counted
 * wrongly, which does no harm: parsing fails anyway.
 */
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
