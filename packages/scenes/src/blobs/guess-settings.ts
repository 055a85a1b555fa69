/**
 * Guesses the settings of training from unlabelled images: how large their objects are, how many an image has at most, and what
 * follows for the model and its schedules. A pure function of the images.
 */
import { type AirConfigInput, modelLimits, type Preprocessing, preprocessImage } from "@air-onnx/core";
import type { Augmentation } from "../augmentation.js";
import { crowdedLikelihood, crowdedTraining } from "../crowded.js";
import type { TrainingPreset } from "../drawn/drawn-set.js";
import type { ImageForm, ImageSource } from "../scene-set.js";
import { type Blob, classicalCount } from "./classical-count.js";
import { fitPreprocessing, quantile, someImages } from "./fit-preprocessing.js";

/** A setting that was guessed, and why. */
export interface GuessReason {
  /** What was guessed. */
  readonly about: "preprocessing" | "objectSize" | "maxObjects" | "augmentation";
  /** What was seen, and what follows, in one line. */
  readonly line: string;
}

/** What is known about the images, so that it need not be guessed. */
export interface KnownFacts {
  /** Least and greatest diameter of an object, pixels. */
  readonly objectSize?: readonly [least: number, greatest: number] | undefined;
  /** Most objects in an image. */
  readonly maxObjects?: number | undefined;
  /** Preprocessing; null for none. */
  readonly preprocessing?: Preprocessing | null | undefined;
}

/** Settings for training on images, with the reasons. */
export interface GuessedSettings {
  /** The settings, as those that a drawn set has in its definition. */
  readonly settings: TrainingPreset;
  /** Diameters of the objects, pixels. */
  readonly objectSize: readonly [least: number, greatest: number];
  /** Most objects in an image. */
  readonly maxObjects: number;
  /** Why each setting was guessed so. */
  readonly reasons: readonly GuessReason[];
}

/** Most images that are looked at. */
const MOST_IMAGES = 200;
/** Shares of the objects that are smaller than the least, and than the greatest, diameter. */
const SIZE_SHARES = [0.05, 0.9] as const;
/** Share of the images that have no more objects than the guess. */
const COUNT_SHARE = 0.99;
/** Area below which a blob is dirt, as a share of the median area. */
const DIRT = 0.1;
/** Diameters where no object was seen, as shares of the image's side. */
const UNKNOWN_SIZE = [0.1, 0.3] as const;
const UNKNOWN_COUNT = 3;
/** Windows are larger than what the threshold shows of an object, by its soft edge and a margin. */
const WINDOW = 1.25;
/** Sides of a patch, pixels: detail of larger objects is scaled down. */
const PATCH = { least: 8, most: 32 } as const;
/** Least pooled pixels across the smallest object. */
const POOLED_OBJECT = 2;
const MAX_POOLING = 8;
/** Pooled pixels that a place of the local step network sees across. */
const SEEN = 13;
/** Number of images from which a set needs no augmentation. */
const LARGE_SET = 5_000;
/** Most shift of an augmented image, as a share of its side; and most change of its brightness. */
const [SHIFT, BRIGHTNESS] = [1 / 24, 0.1];
/** Training steps: some minutes on a CPU for images of a few objects. */
const STEPS = 4_000;
/** Most objects that are looked for in training images, and most of a composed image. */
const [LOOKED_FOR, COMPOSED] = [3, 5];
/** Objects that the model can find beyond the guessed most. */
const SPARE = 2;
/** Prior probability of one more object. */
const PRESENCE = 0.1;

/** Guesses settings from images. `known` facts are taken as they are. */
export function guessSettings(source: ImageSource, known: KnownFacts = {}): GuessedSettings {
  const reasons: GuessReason[] = [];
  const say = (about: GuessReason["about"], line: string): void => void reasons.push({ about, line });
  const fitted = known.preprocessing === undefined ? fitPreprocessing(source) : undefined;
  for (const line of fitted?.reasons ?? []) say("preprocessing", line);
  const preprocessing = (fitted ? fitted.preprocessing : known.preprocessing) ?? undefined;
  const images = someImages(source, MOST_IMAGES).map((image) => {
    if (preprocessing) preprocessImage(image, source, preprocessing, image);
    return classicalCount(image, source);
  });
  const kept = images.map(dropDirt(images));

  const objectSize = known.objectSize ?? guessSize(kept, source, say);
  const maxObjects = known.maxObjects ?? guessCount(kept, say);
  // Who says how many objects there are at most is taken at their word.
  const maxSteps = maxObjects + (known.maxObjects === undefined ? SPARE : 0);
  const augmentation = guessAugmentation(source, say);
  return {
    settings: {
      ...settingsFor(source, objectSize, { maxObjects, maxSteps }, preprocessing),
      ...(augmentation && { augmentation }),
    },
    objectSize,
    maxObjects,
    reasons,
  };
}

/** Drops blobs that are much smaller than the others of all images. */
function dropDirt(images: readonly (readonly Blob[])[]): (blobs: readonly Blob[]) => Blob[] {
  const areas = images.flat().map(({ area }) => area);
  const least = DIRT * quantile(areas, 0.5);
  return (blobs) => blobs.filter(({ area }) => area >= least);
}

function guessSize(
  images: readonly (readonly Blob[])[],
  { imageSize }: ImageForm,
  say: (about: "objectSize", line: string) => void,
): readonly [number, number] {
  const sides = images
    .flat()
    .filter(({ cut }) => !cut)
    .map(({ box }) => Math.max(box.xmax - box.xmin, box.ymax - box.ymin));
  if (sides.length === 0) {
    const [least, greatest] = UNKNOWN_SIZE.map((share) => Math.max(2, Math.round(share * imageSize))) as [
      number,
      number,
    ];
    say("objectSize", `No whole object was seen; objects of ${least} to ${greatest} pixels are assumed.`);
    return [least, Math.max(least + 1, greatest)];
  }
  const [small, large] = SIZE_SHARES;
  const least = quantile(sides, small);
  const greatest = Math.max(least + 1, quantile(sides, large));
  say("objectSize", `Objects are ${least} to ${greatest} pixels long, seen on ${sides.length} of them.`);
  return [least, greatest];
}

function guessCount(images: readonly (readonly Blob[])[], say: (about: "maxObjects", line: string) => void): number {
  const counts = images.map(({ length }) => length);
  const most = quantile(counts, COUNT_SHARE);
  if (most === 0) {
    say("maxObjects", `No object was seen; at most ${UNKNOWN_COUNT} in an image are assumed.`);
    return UNKNOWN_COUNT;
  }
  // Overlapping objects look like one.
  const guess = most + Math.ceil(most / 8);
  say("maxObjects", `At most ${guess} objects in an image: ${most} were seen, and overlapping ones may look like one.`);
  return guess;
}

function guessAugmentation(
  { size, imageSize }: ImageSource,
  say: (about: "augmentation", line: string) => void,
): Augmentation | undefined {
  if (size >= LARGE_SET) return undefined;
  const shift = Math.floor(SHIFT * imageSize);
  say(
    "augmentation",
    `${size} images are few: each use of one mirrors, turns and moves it (by up to ${shift} pixels) and changes its brightness at random.`,
  );
  return { flips: true, turns: true, shift, brightness: BRIGHTNESS };
}

/**
 * The settings that follow from the size of the objects and their greatest number: a local step network, which sees a little
 * more than the largest object, and counts on beyond the objects that it is shown in training.
 *
 * @param maxObjects most objects that an image is thought to have
 * @param maxSteps most objects that the model can find
 */
export function settingsFor(
  { imageSize, channels }: ImageForm,
  [least, greatest]: readonly [number, number],
  { maxObjects, maxSteps }: { readonly maxObjects: number; readonly maxSteps: number },
  preprocessing: Preprocessing | undefined,
): TrainingPreset {
  const smallest = Math.max(1, Math.min(imageSize - 1, Math.round(WINDOW * least)));
  const largest = Math.max(smallest + 1, Math.round(WINDOW * greatest));
  // Composed images could not teach these counts.
  const isCrowded = maxObjects > COMPOSED;
  const model: AirConfigInput = {
    imageSize,
    channels,
    objectSize: Math.min(imageSize, PATCH.most, Math.max(PATCH.least, 2 * Math.round(greatest / 2))),
    maxSteps: Math.min(modelLimits.maxSteps, maxSteps),
    imagePooling: poolingFor(imageSize, least, largest),
    encoderSize: 200,
    decoderSize: 200,
    where: { type: "bounded", side: [smallest, largest], spacing: "logarithmic", centre: "free" },
    prior: { presence: PRESENCE },
    ...(isCrowded && { likelihood: crowdedLikelihood }),
  };
  return {
    architecture: "local",
    model,
    ...(preprocessing && { preprocessing }),
    steps: STEPS,
    ...(isCrowded
      ? { ...crowdedTraining, trainingMaxSteps: Math.min(crowdedTraining.trainingMaxSteps, maxObjects) }
      : {
          trainingMaxSteps: Math.min(LOOKED_FOR, maxObjects),
          composition: { overlap: "clip", maxObjects: Math.min(COMPOSED, maxObjects) },
        }),
  };
}

/**
 * The side of the squares whose means the network sees: the smallest divisor of the image's side by which it sees the largest
 * window whole, unless the smallest object would be lost.
 */
function poolingFor(imageSize: number, least: number, largest: number): number {
  const fits = (pooling: number): boolean =>
    imageSize % pooling === 0 && least / pooling >= POOLED_OBJECT && imageSize / pooling >= 9;
  const possible = Array.from({ length: MAX_POOLING }, (_, i) => i + 1).filter(fits);
  return possible.find((pooling) => SEEN * pooling >= largest) ?? possible.at(-1) ?? 1;
}
