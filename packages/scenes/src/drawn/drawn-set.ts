/**
 * The definition of a drawn data set: all that the rest of the toolchain knows about it. Each set is defined at the end of
 * its generator's file and listed in drawn-sets.ts.
 */
import type { AirConfigInput, Preprocessing } from "@air-onnx/core";
import type { Augmentation } from "../augmentation.js";
import type { Reporting } from "../reporting.js";
import type { PackedScenes } from "../scene-set.js";
import type { SceneGenerator } from "./generate.js";

/**
 * A part of a data set. Training evaluates on `test`. `fresh` exists only where `test` shares something with `train`: the
 * test images of multi-mnist show digits that its training images show too, the fresh ones do not.
 */
export type Split = "train" | "test" | "fresh";

/** A setting that a data set has of its own: a whole number from `least` to `most`. */
export interface DrawnSetting {
  /** Description in the help of the command line. */
  readonly meaning: string;
  /** Value where none is given. */
  readonly default: number;
  /** Smallest value; 1 if absent. */
  readonly least?: number;
  /** Largest value; no limit if absent. */
  readonly most?: number;
}

/** The form of a set's images: the values of its own settings, and the side of the images in pixels. */
export type DrawnForm<Key extends string = string> = Readonly<Record<Key | "imageSize", number>>;

/** The images that drawn sets are made of but cannot draw themselves. */
export interface DrawnMaterial {
  /** Loads the MNIST digits of one part, `[M, 28, 28]`, 0..255. */
  digits(part: "train" | "test"): Promise<Uint8Array>;
  /** Loads their labels `[M]`, 0..9; absent where the kinds of objects are not asked for. */
  readonly labels?: ((part: "train" | "test") => Promise<Uint8Array>) | undefined;
}

/** The settings of training whose defaults differ for a data set. Each member is a field of the training configuration. */
export interface TrainingPreset {
  /** Settings of the model. */
  readonly model?: AirConfigInput;
  /** Preprocessing of the images. */
  readonly preprocessing?: Preprocessing;
  /** Random changes of each training image. */
  readonly augmentation?: Augmentation;
  /** Training steps. */
  readonly steps?: number;
  /** Shares of the steps in which the model may find at most one object, at most two, and so on. */
  readonly curriculum?: number[];
  /** Presence prior at the start and in the end, and the share of the steps over which it changes. */
  readonly presencePriorSchedule?: { from: number; to?: number; share: number };
  /** How images are composed, for architectures that compose images. */
  readonly composition?: { overlap?: "redraw" | "clip"; maxObjects?: number } | null;
  /** Architecture whose networks and training suit the images; `compact` if it is left out. */
  readonly architecture?: "compact" | "local";
  /** Most objects that are looked for in training images, for architectures that look for more afterwards. */
  readonly trainingMaxSteps?: number;
}

/** The members that all drawn sets have. */
interface DrawnSetBase<Name extends string, Key extends string> {
  /** Name by which users ask for the set. */
  readonly name: Name;
  /** Description of the images in one line. */
  readonly description: string;
  /** Default numbers of images to train on and held out for evaluation; of a published set, also the largest. */
  readonly sizes: { readonly train: number; readonly test: number };
  /** Channels of the images. */
  readonly channels: 1 | 3;
  /** Side of the images, pixels; the default one if `anySide`, else the only one. */
  readonly imageSize: number;
  /** Whether the images can be drawn with other sides. */
  readonly anySide: boolean;
  /** The settings that the set has of its own, by key. */
  readonly settings: Readonly<Record<Key, DrawnSetting>>;
  /** Defaults of training on this set. */
  readonly preset: TrainingPreset;
  /** Lists every value that contradicts another, with a message that says what it must be; without this method, none does. */
  conflicts?(form: DrawnForm<Key>): readonly (readonly [key: Key | "imageSize", message: string])[];
  /**
   * Makes the generator of the images. Image i is a function of `seed` and i.
   *
   * @param split the part that the images are for; sets made of MNIST digits use the digits of that part
   */
  generator(
    seed: number,
    form: DrawnForm<Key>,
    material: DrawnMaterial,
    split: "train" | "test",
  ): SceneGenerator | Promise<SceneGenerator>;
}

/** A data set that is drawn from a seed: another seed gives other images. */
export interface SeededSet<Name extends string = string, Key extends string = string> extends DrawnSetBase<Name, Key> {
  /** Version of the images in the cache, raised whenever they change; undefined if drawing them is as fast as reading them. */
  readonly version: number | undefined;
  /** Always absent: it tells seeded from published sets. */
  readonly published?: undefined;
}

/** A data set whose images are the same for everyone. Its generator draws further images by the same recipe. */
export interface PublishedSet<Name extends string = string> extends DrawnSetBase<Name, never> {
  /** Version of the images in the cache, raised whenever what is stored about them changes. */
  readonly version: number;
  /** The images of each split. */
  readonly published: Readonly<Record<"train" | "test", PublishedPart>> & { readonly fresh?: PublishedPart };
}

/** A split of a published set: the images of `whole` from number `start` on. */
export interface PublishedPart {
  /** The images that the split is a part of. */
  readonly whole: PublishedWhole;
  /** Index of the split's first image. */
  readonly start: number;
}

/** Images of a published set that can only be drawn together. */
export interface PublishedWhole {
  /** Name in the cache. */
  readonly content: string;
  /** Makes the generator of the images, which can only be drawn one after the other. */
  generator(material: DrawnMaterial): Promise<SceneGenerator>;
  /** Draws all the images. */
  draw(material: DrawnMaterial, reporting: Reporting): Promise<PackedScenes>;
}

/** Returns `set`, typed by its name and settings. */
export function seededSet<const Name extends string, Key extends string>(
  set: SeededSet<Name, Key>,
): SeededSet<Name, Key> {
  return set;
}

/** Returns `set`, typed by its name. */
export function publishedSet<const Name extends string>(set: PublishedSet<Name>): PublishedSet<Name> {
  return set;
}
