/**
 * Guesses the settings of training from unlabelled images: how large their objects are, how many an image has at most, and what
 * follows for the model and its schedules. A pure function of the images.
 */
import { type AirConfigInput, modelLimits, type Preprocessing, preprocessImage } from "@air-onnx/core";
import type { Augmentation } from "../augmentation.js";
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
const MAX_POOLING = 4;
/** Number of images from which a set needs no augmentation. */
const LARGE_SET = 5_000;
/** Most shift of an augmented image, as a share of its side; and most change of its brightness. */
const [SHIFT, BRIGHTNESS] = [1 / 24, 0.1];
/** Training steps: some minutes on a CPU for images of a few objects. */
const STEPS = 3_000;
/** Schedules, as shares of the training steps. */
const CURRICULUM = { share: 0.4, mostStages: 4 } as const;
const PRESENCE = { from: 0.9, to: 0.1, share: 0.3 } as const;

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
  const augmentation = guessAugmentation(source, say);
  return {
    settings: { ...settingsFor(source, objectSize, maxObjects, preprocessing), ...(augmentation && { augmentation }) },
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

/** The settings that follow from the size of the objects and their greatest number. */
export function settingsFor(
  { imageSize, channels }: ImageForm,
  [least, greatest]: readonly [number, number],
  maxObjects: number,
  preprocessing: Preprocessing | undefined,
): TrainingPreset {
  const pooling = poolingFor(imageSize, least);
  const pooledSide = imageSize / pooling;
  const kernel = Math.min(pooledSide, Math.max(3, 2 * Math.floor(greatest / pooling / 2) + 1));
  const smallest = Math.max(1, Math.min(imageSize - 1, Math.round(WINDOW * least)));
  const model: AirConfigInput = {
    imageSize,
    channels,
    objectSize: Math.min(imageSize, PATCH.most, Math.max(PATCH.least, 2 * Math.round(greatest / 2))),
    maxSteps: Math.min(modelLimits.maxSteps, maxObjects),
    imagePooling: pooling,
    lstmInput: { type: "image-and-remainder", convolution: { kernel, stride: 2, channels: [64, 32] } },
    glimpseInput: "remainder",
    where: { type: "bounded", side: [smallest, Math.max(smallest + 1, Math.round(WINDOW * greatest))] },
    prior: { presence: PRESENCE.to, whereMean: [0, 0, 0], whereStd: [1, 1, 1] },
  };
  const stages = Math.min(CURRICULUM.mostStages, maxObjects - 1);
  return {
    model,
    ...(preprocessing && { preprocessing }),
    steps: STEPS,
    curriculum: Array.from({ length: stages }, () => CURRICULUM.share / stages),
    presencePriorSchedule: { ...PRESENCE },
  };
}

/** The side of the squares whose means the network sees: a divisor of the image's side, and not too large for small objects. */
function poolingFor(imageSize: number, least: number): number {
  for (let pooling = MAX_POOLING; pooling > 1; pooling--) {
    if (imageSize % pooling === 0 && least / pooling >= POOLED_OBJECT && imageSize / pooling >= 9) return pooling;
  }
  return 1;
}
