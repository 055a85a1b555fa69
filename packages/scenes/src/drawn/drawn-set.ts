/**
 * A data set that is drawn, as one value: all that the rest of the toolchain knows of it. Each is defined at the end of its
 * generator's file and listed in drawn-sets.ts.
 */
import type { AirConfigInput } from "@air-onnx/core";
import type { Reporting } from "../reporting.js";
import type { SceneSet } from "../scene-set.js";
import type { SceneGenerator } from "./generate.js";

/**
 * A part of a data set. `test` is what training evaluates on. `fresh` exists where `test` shares something with `train`:
 * multi-mnist's test images are made of its training digits, the fresh ones are not.
 */
export type Split = "train" | "test" | "fresh";

/** A setting of a set's own: a whole number from 1 to `most`. */
export interface DrawnSetting {
  /** What it says, for the help of the command line. */
  readonly meaning: string;
  readonly default: number;
  readonly most?: number;
}

/** Values of a set's own settings, and the side of its images in pixels. */
export type DrawnForm<Key extends string = string> = Readonly<Record<Key | "imageSize", number>>;

/** What a set cannot draw by itself. */
export interface DrawnMaterial {
  /** The MNIST digits of one part, `[M, 28, 28]`, 0..255. */
  digits(part: "train" | "test"): Promise<Uint8Array>;
}

/** What training does otherwise than by its defaults; the fields are those of the training configuration. */
export interface TrainingPreset {
  readonly model?: AirConfigInput;
  readonly steps?: number;
  readonly curriculum?: number[];
  readonly presencePriorSchedule?: { from: number; to?: number; share: number };
}

interface DrawnSetBase<Name extends string, Key extends string> {
  readonly name: Name;
  /** One line. */
  readonly description: string;
  /** Images to train on and held out for evaluation, by default; the most there are of a published set. */
  readonly sizes: { readonly train: number; readonly test: number };
  /** Channels of the images. */
  readonly channels: 1 | 3;
  /** Side of the images, pixels; that of every image unless `anySide`. */
  readonly imageSize: number;
  /** The images can be drawn with other sides. */
  readonly anySide: boolean;
  readonly settings: Readonly<Record<Key, DrawnSetting>>;
  readonly preset: TrainingPreset;
  /** Each value that contradicts another, with what it must be; none if left out. */
  conflicts?(form: DrawnForm<Key>): readonly (readonly [key: Key | "imageSize", message: string])[];
  /**
   * The images without end, of which number i is a function of `seed` and i.
   *
   * @param split whose images they are, where that makes a difference to the material
   */
  generator(
    seed: number,
    form: DrawnForm<Key>,
    material: DrawnMaterial,
    split: "train" | "test",
  ): SceneGenerator | Promise<SceneGenerator>;
}

/** A set of which every seed gives other images. */
export interface SeededSet<Name extends string = string, Key extends string = string> extends DrawnSetBase<Name, Key> {
  /** Raised whenever the images change; undefined if they are drawn as fast as they would be read from the cache. */
  readonly version: number | undefined;
  readonly published?: undefined;
}

/** A set whose images are the same for everyone; its generator draws others of their kind. */
export interface PublishedSet<Name extends string = string> extends DrawnSetBase<Name, never> {
  /** Raised whenever what is stored about the images changes. */
  readonly version: number;
  readonly published: Readonly<Record<"train" | "test", PublishedPart>> & { readonly fresh?: PublishedPart };
}

/** The images of `whole` from number `start` on. */
export interface PublishedPart {
  readonly whole: PublishedWhole;
  readonly start: number;
}

/** Images that can only be drawn together. */
export interface PublishedWhole {
  /** Its name in the cache. */
  readonly content: string;
  draw(material: DrawnMaterial, reporting: Reporting): Promise<SceneSet>;
}

/** `set` itself, with the types of its name and settings. */
export function seededSet<const Name extends string, Key extends string>(
  set: SeededSet<Name, Key>,
): SeededSet<Name, Key> {
  return set;
}

/** `set` itself, with the type of its name. */
export function publishedSet<const Name extends string>(set: PublishedSet<Name>): PublishedSet<Name> {
  return set;
}
