/** Settings that are guessed from a user's own images before training on them, and the flags that override them. */
import type { DataPlaces, GuessReason, ImageForm, KnownFacts } from "@air-onnx/scenes";
import type { Setting } from "@air-onnx/train/runs";
import { type Command, Option } from "commander";
import { loadRunData } from "./dataset-options.js";
import { UsageError } from "./failures.js";
import { integerFrom, numberAbove } from "./option-values.js";
import { configFrom, overriding } from "./train-settings.js";

/** The flags that say what need not be guessed. */
export interface GuessFlags {
  readonly objectSize?: readonly number[];
  readonly maxObjects?: number;
  /** False if nothing is to be guessed. */
  readonly guess?: boolean;
}

/** Flag or setting that overrides a guess. */
const overriddenBy: Readonly<Record<GuessReason["about"], string>> = {
  preprocessing: "--set preprocessing=null",
  objectSize: "--object-size MIN MAX",
  maxObjects: "--max-objects N",
  augmentation: "--set augmentation=null",
};

const pixels = numberAbove(0);

/** Adds the flags. */
export function addGuessOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--object-size <pixels...>",
        "least and greatest length of an object in your own images (default: guessed)",
      ).argParser((text: string, earlier: readonly number[] | undefined) => [...(earlier ?? []), pixels(text)]),
    )
    .addOption(
      new Option("--max-objects <n>", "most objects in one of your own images (default: guessed)").argParser(
        integerFrom(1),
      ),
    )
    .option("--no-guess", "guess no settings from your own images");
}

/**
 * Guesses settings from the user's own images. Given settings override guessed ones.
 *
 * @param settings given settings
 * @param say called with a line for each guess
 * @returns guessed and given settings; the given ones alone if the images are drawn, or nothing is to be guessed
 * @throws {UsageError} for flags that do not go together
 * @throws the errors of loading the images
 */
export async function withGuesses(
  settings: readonly Setting[],
  flags: GuessFlags & DataPlaces,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<readonly Setting[]> {
  const known = knownFacts(settings, flags);
  const { datasetSettings, guessSettings, isBrought } = await import("@air-onnx/scenes");
  // The images alone are wanted: other settings may be valid only beside guessed ones.
  const dataset = settings.findLast(({ key }) => key === "dataset")?.value;
  const name = Object.keys(datasetSettings).find((each) => each === dataset) as
    | keyof typeof datasetSettings
    | undefined;
  if (name === undefined || !isBrought(name)) {
    const flag = flags.objectSize ? "--object-size" : flags.maxObjects !== undefined ? "--max-objects" : undefined;
    if (flag) throw new UsageError(`${flag} is for your own images: drawn data sets have settings of their own`);
    return settings;
  }
  if (flags.guess === false) {
    if (flags.objectSize || flags.maxObjects !== undefined)
      throw new UsageError("--no-guess excludes --object-size and --max-objects: set model.where and model.maxSteps");
    return settings;
  }
  // A setting of drawn sets alone is told as such, not after the images.
  const isForDrawn = ({ key }: Setting): boolean =>
    !(key in datasetSettings[name]) && Object.values(datasetSettings).some((each) => key in each);
  if (settings.some(isForDrawn)) return settings;
  const ofImages = settings.filter(({ key }) => key in datasetSettings[name]);
  const { train } = await loadRunData(await configFrom(ofImages), flags, { signal });
  // What was decided from these files stays, also if the folder changes before the run goes on or is measured.
  const fitted = fittedSettings(train);
  const guess = guessSettings(train, known);
  for (const { about, line } of guess.reasons) say(`${line} [${overriddenBy[about]}]`);
  const { settingsOf } = await import("@air-onnx/train/runs");
  // What is guessed for the local step network is of no use to another, nor with an estimator or likelihood that it does not take.
  const needed: Readonly<Record<string, unknown>> = {
    architecture: guess.settings.architecture,
    estimator: "optimal-count",
    "model.likelihood.type": "gaussian",
    "model.stepNetwork.type": "local",
  };
  const isOther = settings.some(({ key, value }) => key in needed && value !== needed[key]);
  const guessed = settingsOf(guess.settings).filter(
    ({ key }) => !isOther || !/^(architecture|trainingMaxSteps|composition|model\.imagePooling)\b/.test(key),
  );
  return overriding([...fitted, ...guessed], settings);
}

/** The settings by which other pictures become images as these did. */
function fittedSettings({ imageSize, pictures }: ImageForm): Setting[] {
  if (!pictures) return [];
  const { fit, scale } = pictures;
  const fitScale = scale === undefined ? [] : [{ key: "fitScale", value: scale }];
  return [{ key: "fit", value: fit }, { key: "fitSize", value: imageSize }, ...fitScale];
}

function knownFacts(settings: readonly Setting[], { objectSize, maxObjects }: GuessFlags): KnownFacts {
  if (objectSize && (objectSize.length !== 2 || objectSize[0]! >= objectSize[1]!)) {
    throw new UsageError(`--object-size takes two lengths, the smaller first; got ${objectSize.join(" ")}`);
  }
  const maxSteps = settings.findLast(({ key }) => key === "model.maxSteps")?.value;
  const most = maxObjects ?? (Number.isInteger(maxSteps) ? (maxSteps as number) : undefined);
  const isOff = settings.findLast(({ key }) => key === "preprocessing")?.value === null;
  return {
    ...(objectSize && { objectSize: [objectSize[0]!, objectSize[1]!] }),
    ...(most !== undefined && { maxObjects: most }),
    ...(isOff && { preprocessing: null }),
  };
}
