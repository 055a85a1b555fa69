/**
 * Model configurations of the first form, in which four settings stood side by side and rules said which go together:
 * `recurrentInput` with `convolution`, and `whereParameterisation` with `windowSide`. No other file knows that form.
 */
import { ConfigError, type ConfigIssue } from "./errors.js";
import { isRecord, overlay } from "./overlay.js";

const currentKeys = [
  ["recurrentInput", "lstmInput.type"],
  ["convolution", "lstmInput.convolution"],
  ["whereParameterisation", "where.type"],
  ["windowSide", "where.side"],
] as const;

/** Where a setting of the first form stands now, by its dotted key inside a model configuration; any other key as it is. */
export function currentKey(key: string): string {
  for (const [old, current] of currentKeys) {
    if (key === old || key.startsWith(`${old}.`)) return current + key.slice(old.length);
  }
  return key;
}

/**
 * `input` with its settings of the first form as they are written now; anything else is returned as it is, valid or not.
 * A setting of the first form wins over one of today's beside it. Its counterpart, if left out, is that of today's form
 * beside it, or else of `base`.
 *
 * @param base a model configuration of today's form, from which `input` takes what it leaves out
 * @param what the configuration is part of, for errors
 * @param path of the model configuration in it, such as `model.`
 * @throws {ConfigError} naming each setting of the first form that must not stand with its counterpart
 */
export function upgradeAirConfig(input: unknown, base: unknown, what: string, path = ""): unknown {
  if (!isRecord(input)) return input;
  const { recurrentInput, convolution, whereParameterisation, windowSide, ...upgraded } = input;
  const below = isRecord(base) ? base : {};
  const issues: ConfigIssue[] = [];
  if (recurrentInput !== undefined || convolution !== undefined) {
    const current = overlay(below.lstmInput, upgraded.lstmInput);
    const first = { type: recurrentInput, convolution };
    upgraded.lstmInput = isRecord(current) ? upgradedLstmInput(current, first, issues) : current;
  }
  if (whereParameterisation !== undefined || windowSide !== undefined) {
    const current = overlay(below.where, upgraded.where);
    const first = { type: whereParameterisation, side: windowSide };
    upgraded.where = isRecord(current) ? upgradedWhere(current, first, issues) : current;
  }
  if (issues.length === 0) return upgraded;
  const named = issues.map((issue) => ({ ...issue, key: path + issue.key }));
  const reasons = named.map(({ key, message }) => `  ${key}: ${message}`);
  throw new ConfigError(`Invalid ${what}:\n${reasons.join("\n")}`, { source: what, issues: named });
}

type Settings = Readonly<Record<string, unknown>>;

function upgradedLstmInput(current: Settings, first: Settings, issues: ConfigIssue[]): Settings {
  const type = first.type === undefined ? current.type : first.type;
  // In the first form every type had a convolution, which was null for none.
  const convolution = overlay(current.convolution ?? null, first.convolution);
  if (type !== "remainder") return { type, convolution };
  if (convolution !== null) {
    issues.push({
      kind: "invalid",
      key: "convolution",
      message: "must be null if recurrentInput is remainder; see lstmInput, which replaces both",
    });
  }
  return { type };
}

function upgradedWhere(current: Settings, first: Settings, issues: ConfigIssue[]): Settings {
  const type = first.type === undefined ? current.type : first.type;
  const side = first.side === undefined ? current.side : first.side;
  const isBounded = type === "bounded";
  const isOther = type === "prior-offset" || type === "absolute";
  if (isBounded ? side === undefined : isOther && side !== undefined) {
    issues.push({
      kind: "invalid",
      key: "windowSide",
      message: "must be given if whereParameterisation is bounded, and only then; see where, which replaces both",
    });
  }
  return side === undefined ? { type } : { type, side };
}
