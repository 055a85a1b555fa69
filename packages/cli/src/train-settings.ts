/**
 * The settings of a training run from the command line: a configuration file, flags that override it, and `--set` for settings
 * without a flag. The training configuration defines their meaning, defaults and validity.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { currentKey } from "@air-onnx/core";
import { ConfigError, type ConfigIssue } from "@air-onnx/core/errors";
import { parseJson } from "@air-onnx/core/json";
import type { Setting, TrainConfig } from "@air-onnx/train/runs";
import { type Command, Option } from "commander";
import { architectureChoices, backendChoices, datasetChoices, defaultDataset, estimatorChoices } from "./choices.js";
import { imageOptions, settingKeys } from "./dataset-options.js";
import { UsageError } from "./failures.js";
import { integerFrom, numberAbove } from "./option-values.js";
import { withImagesAt } from "./own-images.js";

/** Most bytes of a file of settings that are read. */
const MAX_CONFIG_BYTES = 2 ** 20;

/** The flags of settings, by the setting's key. */
const flags: readonly (readonly [key: string, option: () => Option])[] = [
  [
    "dataset",
    () =>
      new Option(
        "--dataset <name>",
        `data set to train on (default: that of your own images, else ${defaultDataset})`,
      ).choices(datasetChoices),
  ],
  [
    "steps",
    () =>
      new Option("--steps <n>", "number of training steps, over which the learning rate falls").argParser(
        integerFrom(1),
      ),
  ],
  ["batchSize", () => new Option("--batch-size <n>", "number of images in a training step").argParser(integerFrom(1))],
  [
    "seed",
    () =>
      new Option("--seed <n>", "seed of the initial parameters, the order of the images, and the noise").argParser(
        integerFrom(0),
      ),
  ],
  [
    "optimizer.learningRate",
    () => new Option("--learning-rate <x>", "Adam's step size at the end of the warm-up").argParser(numberAbove(0)),
  ],
  [
    "optimizer.warmupSteps",
    () =>
      new Option("--warmup-steps <n>", "number of first steps over which the learning rate rises").argParser(
        integerFrom(0),
      ),
  ],
  [
    "model.prior.presence",
    () => new Option("--presence-prior <p>", "prior probability of one more object").argParser(numberAbove(0, 1)),
  ],
  [
    "architecture",
    () => new Option("--architecture <name>", "sizes of the model's networks").choices(architectureChoices),
  ],
  ["estimator", () => new Option("--estimator <name>", "estimator of the ELBO's gradient").choices(estimatorChoices)],
  ["backend", () => new Option("--backend <name>", "engine that computes the training steps").choices(backendChoices)],
  [
    "threads",
    () =>
      new Option("--threads <n>", "number of threads of the backend; 0 lets the backend choose").argParser(
        integerFrom(0),
      ),
  ],
  [
    "stepsPerRun",
    () =>
      new Option("--steps-per-run <n>", "number of training steps in one run of the training graph").argParser(
        integerFrom(1),
      ),
  ],
  [
    "evaluateEvery",
    () => new Option("--evaluate-every <n>", "number of steps between evaluations").argParser(integerFrom(1)),
  ],
  [
    "evaluateImages",
    () => new Option("--evaluate-images <n>", "number of held-out images in an evaluation").argParser(integerFrom(1)),
  ],
  [
    "checkpointEvery",
    () => new Option("--checkpoint-every <n>", "number of steps between checkpoints").argParser(integerFrom(1)),
  ],
  ["stream", imageOptions.stream],
  ["trainSize", imageOptions.trainSize],
  ["testSize", imageOptions.testSize],
  ["dataSeed", imageOptions.dataSeed],
  ...settingKeys.map((key) => [key, imageOptions[key]] as const),
  ["path", imageOptions.data],
  ["testFraction", imageOptions.testFraction],
  ["imagesKey", imageOptions.imagesKey],
  ["countsKey", imageOptions.countsKey],
  ["fit", imageOptions.fit],
  ["fitSize", imageOptions.fitSize],
  ["fitScale", imageOptions.fitScale],
];

/** What gives a setting on the command line: a flag of its own, or `--set KEY=VALUE`. */
export function flagOfSetting(key: string): string {
  return flags.find(([flagKey]) => flagKey === key)?.[1]().long ?? `--set ${key}=VALUE`;
}

/** Adds the flags of all settings. */
export function addSettingOptions(command: Command): Command {
  for (const [, option] of flags) command.addOption(option());
  return command
    .option("--config <file>", "JSON file of settings, such as a run's config.json; flags override it")
    .option(
      "--set <key=value>",
      "any other setting, such as model.lstmSize=128; can be repeated",
      (text: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), text],
    );
}

/**
 * The settings from the configuration file and the flags, each once; those of the file come first. A path of images implies
 * its data set.
 *
 * @param images a path of images that stands without a flag
 * @param isResumed whether a run goes on, so that its data set is known
 */
export async function givenSettings(
  options: Readonly<Record<string, unknown>>,
  images?: string,
  isResumed = false,
): Promise<Setting[]> {
  const { config, set = [] } = options as { config?: string; set?: readonly string[] };
  const fromFile = config === undefined ? [] : await readSettings(config);
  const fromFlags = flags.flatMap(([key, option]): Setting[] => {
    const value = options[option().attributeName()];
    return value === undefined ? [] : [{ key, value }];
  });
  const { currentKey } = await import("@air-onnx/core");
  const strong = [...fromFlags, ...set.map(parseSetting)];
  const places = strong.map(({ key }) => currentPlace(key, currentKey));
  places.forEach((place, i) => {
    if (places.indexOf(place) < i) throw new UsageError(`${place} is set twice`);
  });
  const settings = await overriding(fromFile, strong);
  return isResumed ? settings : withImagesAt(settings, images);
}

/**
 * Joins settings, where `strong` ones override `weak` ones. Weak settings that have no meaning beside the strong ones are
 * left out: those of another alternative, such as `model.likelihood.std` beside another `model.likelihood.type`, and
 * `trainSize` beside `stream`.
 */
export async function overriding(weak: readonly Setting[], strong: readonly Setting[]): Promise<Setting[]> {
  const { currentKey } = await import("@air-onnx/core");
  const earlier = new Map(weak.map(({ key, value }) => [currentPlace(key, currentKey), value]));
  const gone = (key: string): boolean => {
    const place = currentPlace(key, currentKey);
    return strong.some(({ key: by, value }) => {
      if (by === "stream") return value === true && key === "trainSize";
      // A weak setting under a key of the first form would win over a strong one under today's.
      if (place !== key && (isWithin(place, by) || isWithin(by, place))) return true;
      const isOtherType = by.endsWith(".type") && earlier.has(by) && earlier.get(by) !== value;
      return isOtherType && isWithin(place, by.slice(0, -".type".length));
    });
  };
  return [...weak.filter(({ key }) => !gone(key)), ...strong];
}

/** Today's key of a setting, whose model's part may be of the first form. */
function currentPlace(key: string, currentKeyOf: typeof currentKey): string {
  const model = "model.";
  return key.startsWith(model) ? model + currentKeyOf(key.slice(model.length)) : key;
}

/** Whether the setting `key` is `group` or part of it. */
function isWithin(key: string, group: string): boolean {
  return key === group || key.startsWith(`${group}.`);
}

/**
 * Makes the configuration from `settings`. The later of two settings with one key wins.
 *
 * @throws {UsageError} naming every setting that is not valid, and what was expected
 */
export async function configFrom(settings: readonly Setting[]): Promise<TrainConfig> {
  const { parseTrainConfig } = await import("@air-onnx/train/runs");
  const input: Record<string, unknown> = { dataset: defaultDataset };
  for (const { key, value } of settings) assign(input, key, value);
  try {
    return parseTrainConfig(input);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const hints = await unknownSettings(settings, cause.issues);
    throw new UsageError([inFlags(cause.message), ...hints].join("\n"), { cause });
  }
}

/**
 * Makes the configuration as {@link configFrom} does, and lowers defaults that are too large for a short run or a small data
 * set.
 *
 * @param say called with a line about each default that is lowered
 */
export async function fittedConfigFrom(
  settings: readonly Setting[],
  say: (line: string) => void,
): Promise<TrainConfig> {
  const given = (key: string): unknown => settings.findLast((setting) => setting.key === key)?.value;
  const isOpen = (key: string): boolean => given(key) === undefined;
  const steps = given("steps");
  const testSize = given("testSize");
  const fitting: Setting[] = [];
  const lines: string[] = [];
  // The defaults are taken without sizes and steps, which could make them invalid.
  const defaults = await configFrom(settings.filter(({ key }) => key === "dataset" || key === "path"));
  if (typeof steps === "number" && isOpen("optimizer.warmupSteps") && steps < defaults.optimizer.warmupSteps) {
    const value = Math.floor(steps / 10);
    fitting.push({ key: "optimizer.warmupSteps", value });
    lines.push(`Warm-up of ${value} steps instead of ${defaults.optimizer.warmupSteps}, as the run has only ${steps}.`);
  }
  if (typeof testSize === "number" && isOpen("evaluateImages") && testSize < defaults.evaluateImages) {
    fitting.push({ key: "evaluateImages", value: testSize });
    lines.push(`Evaluations on ${testSize} images instead of ${defaults.evaluateImages}, as no more are held out.`);
  }
  const config = await configFrom([...settings, ...fitting]);
  for (const line of lines) say(line);
  return config;
}

/** A message about settings in the words of the command line: with the flags of settings that have one. */
function inFlags(message: string): string {
  return flags.reduce((text, [key, option]) => {
    const flag = option().long!;
    const name = key.replaceAll(".", "\\.");
    const named = text.replaceAll(new RegExp(`^  ${name}: `, "gm"), `  ${flag}: `);
    // A key such as `steps` is a word of its own, too.
    return /[A-Z.]/.test(key) ? named.replaceAll(new RegExp(`(?<![\\w.])${name}(?![\\w.]\\w)\\b`, "g"), flag) : named;
  }, message);
}

/** Lines that propose, or else list, existing settings for each setting that `issues` call unknown. */
async function unknownSettings(settings: readonly Setting[], issues: readonly ConfigIssue[]): Promise<string[]> {
  const dataset = settings.findLast(({ key }) => key === "dataset")?.value ?? defaultDataset;
  const name = datasetChoices.find((choice) => choice === dataset);
  if (!name) return [];
  const { closestNames } = await import("@air-onnx/core");
  const { defaultSettings } = await import("@air-onnx/train/runs");
  const known = defaultSettings(name).map(({ key }) => key);
  const unknown = issues.filter(({ kind }) => kind === "unknown").map(({ key }) => key);
  const groupOf = (key: string): string => key.slice(0, key.lastIndexOf(".") + 1);
  return settings
    .filter(({ key }) => !known.includes(key) && unknown.some((other) => key === other || key.startsWith(`${other}.`)))
    .map(({ key }) => {
      const closest = closestNames(key, known);
      if (closest.length > 0) {
        const meant = closest.map((each) => `${each} (${flagOfSetting(each)})`).join(" or ");
        return `There is no setting ${key} with dataset ${name}. Did you mean ${meant}?`;
      }
      const siblings = known.filter((other) => other.startsWith(groupOf(key)));
      return `There is no setting ${key} with dataset ${name}. There are: ${(siblings.length > 0 ? siblings : known).join(", ")}`;
    });
}

/** Loads a function that writes the command for a configuration, with only the settings that differ from the defaults. */
export async function commandWriter(): Promise<(config: TrainConfig) => string> {
  const { defaultSettings, settingsOf } = await import("@air-onnx/train/runs");
  return (config) => {
    const { dataset, architecture } = config;
    const written = (settings: readonly Setting[]) =>
      settings.map(({ key, value }) => [key, JSON.stringify(value)] as const);
    const usual = new Map(written(defaultSettings(dataset)));
    // An architecture has defaults of its own; it is named itself where the data set has another.
    const defaults = new Map([
      ...written(defaultSettings(dataset, { architecture })),
      ["architecture", usual.get("architecture")] as const,
    ]);
    const settings = settingsOf(config);
    // Another type begins with its own defaults, not with those that the data set has for the default type.
    const otherTypes = settings.filter(
      ({ key, value }) => key.endsWith(".type") && JSON.stringify(value) !== defaults.get(key),
    );
    const isOfOtherType = (key: string): boolean =>
      otherTypes.some((type) => isWithin(key, type.key.slice(0, -".type".length)));
    const words = settings.flatMap(({ key, value }) => {
      const isDefault = JSON.stringify(value) === defaults.get(key) && !isOfOtherType(key);
      if (key !== "dataset" && key !== "path" && isDefault) return [];
      const flag = flags.find(([flagKey]) => flagKey === key)?.[1]().long;
      if (flag && value === true) return [flag];
      const text = typeof value === "string" ? value : JSON.stringify(value);
      return flag ? [flag, text] : ["--set", `${key}=${text}`];
    });
    return ["air-onnx", "train", ...words].join(" ");
  };
}

async function readSettings(file: string): Promise<Setting[]> {
  let json: unknown;
  try {
    json = parseJson(readConfig(file), "it");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`Cannot use --config ${file}: ${reason}`, { cause });
  }
  if (!isRecord(json)) throw new UsageError(`Cannot use --config ${file}: it must hold one JSON object`);
  const { settingsOf } = await import("@air-onnx/train/runs");
  return settingsOf(json);
}

/** Reads a file, or what a shell's `<(…)` or a pipe gives, up to a limit: a device may never end. */
function readConfig(file: string): Uint8Array {
  const bytes = Buffer.alloc(MAX_CONFIG_BYTES + 1);
  const input = openSync(file, "r");
  let size = 0;
  try {
    for (let read = -1; read !== 0 && size < bytes.length; size += read)
      read = readSync(input, bytes, size, bytes.length - size, null);
  } finally {
    closeSync(input);
  }
  if (size > MAX_CONFIG_BYTES) throw new Error(`it has more than ${MAX_CONFIG_BYTES} bytes`);
  return bytes.subarray(0, size);
}

/** Parses a setting such as `optimizer.beta1=0.8`. A value that is not JSON is taken as text. */
function parseSetting(text: string): Setting {
  const match = /^([A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)*)=(.*)$/.exec(text);
  if (!match) throw new UsageError(`--set ${text} must be of the form key=value, such as model.lstmSize=128`);
  const [, key, value] = match as unknown as [string, string, string];
  try {
    JSON.parse(value);
  } catch {
    return { key, value };
  }
  try {
    return { key, value: parseJson(value, "its value") };
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new UsageError(`--set ${key} cannot be used: ${cause.message}`, { cause });
  }
}

/**
 * Sets the setting of `target` at the dotted `key`. Inherited properties are neither read nor changed, whatever the key.
 *
 * @throws {UsageError} if a part of the key cannot be a setting's name, or names a setting that has no settings in it
 */
function assign(target: Record<string, unknown>, key: string, value: unknown): void {
  const path = key.split(".");
  if (path.includes("__proto__")) throw new UsageError(`${key} cannot be set: there is no setting __proto__`);
  const last = path.pop()!;
  let place = target;
  for (const name of path) {
    const inner = Object.hasOwn(place, name) ? place[name] : undefined;
    if (inner !== undefined && !isRecord(inner))
      throw new UsageError(`${key} cannot be set: ${name} holds no settings`);
    const next = inner ?? {};
    place[name] = next;
    place = next;
  }
  place[last] = value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
