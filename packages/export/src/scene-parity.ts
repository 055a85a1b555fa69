/** Compares the scene file of an exported model with the runtime, on the same images. */
import type { AirConfig, Manifest, Scene } from "@air-onnx/core";
import type { AirModel } from "@air-onnx/runtime-node";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { readSceneFile } from "@air-onnx/runtime-node/open-graphs";
import type { Differences } from "./differences.js";

/** Sides of a tight box may differ by so many pixels: it has whole ones. */
const SAME_SIDE = 0.1;
/**
 * Share of tight boxes that may differ, and one box in any case: a pixel is an object's if it is above a threshold, and the
 * rounding of float32 can decide that.
 */
const OTHER_TIGHT_BOXES = 1e-3;

type SceneInput = NonNullable<Manifest["files"]["scene"]>["input"];

/** The scene file of a model, open to be compared. */
export class SceneFileCheck implements AsyncDisposable {
  /** Number of images with another count than the runtime's. */
  countDisagreements = 0;
  /** Number of objects with a tight box that is not the runtime's. */
  tightBoxDisagreements = 0;
  #objects = 0;
  #typicalDisagreements = 0;
  readonly #session: ort.InferenceSession;
  readonly #model: AirModel;
  readonly #input: SceneInput;

  private constructor(session: ort.InferenceSession, model: AirModel, input: SceneInput) {
    this.#session = session;
    this.#model = model;
    this.#input = input;
  }

  /**
   * Opens the scene file of a model folder.
   *
   * @param model the model of the same folder
   * @returns undefined if the model has no scene file
   * @throws {ModelFileError} if it is not the file that the manifest names
   */
  static async open(directory: string, model: AirModel): Promise<SceneFileCheck | undefined> {
    const bytes = await readSceneFile(directory, model.manifest, { verify: true });
    if (!bytes) return undefined;
    const session = await ort.InferenceSession.create(bytes);
    return new SceneFileCheck(session, model, model.manifest.files.scene!.input);
  }

  /** Whether counts and judgements agree, and tight boxes but for one in a thousand. */
  get isSame(): boolean {
    const allowed = Math.max(1, OTHER_TIGHT_BOXES * this.#objects);
    return this.countDisagreements + this.#typicalDisagreements === 0 && this.tightBoxDisagreements <= allowed;
  }

  /**
   * Compares the scenes of a batch.
   *
   * @param images `[B, C, S, S]`, intensities in [0, 1]; if the file takes bytes, these are rounded to bytes
   */
  async compare(images: Float32Array, differences: Differences): Promise<void> {
    const { config, manifest } = this.#model;
    const { scale } = manifest.normalisation;
    const bytes = this.#input === "uint8" ? Uint8Array.from(images, (value) => Math.round(value * scale)) : undefined;
    const seen = bytes ? Float32Array.from(bytes, (value) => value / scale) : images;
    const scenes = await this.#model.infer(seen, { earlyStop: false });
    const results = await this.#session.run({ image: imageTensor(config, seen, bytes) });
    scenes.forEach((scene, i) => void this.#compareScene(scene, i, results, differences));
  }

  #compareScene(scene: Scene, image: number, results: ort.InferenceSession.ReturnType, differences: Differences): void {
    const of = (name: string, slot?: number): Float32Array => {
      const { data, dims } = results[name]!;
      const size = dims.slice(slot === undefined ? 1 : 2).reduce((product, side) => product * side, 1);
      const row = slot === undefined ? image : image * dims[1]! + slot;
      return (data as Float32Array).subarray(row * size, (row + 1) * size);
    };
    const compare = (output: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void =>
      differences.compare("scene", output, actual, expected);
    compare("count_probabilities", of("count_probabilities"), scene.countProbabilities);
    compare("elbo", of("elbo"), [scene.elbo]);
    if (of("count")[0] !== scene.count || of("valid").filter(Boolean).length !== scene.count) {
      this.countDisagreements++;
      return;
    }
    compare("reconstruction", of("reconstruction"), scene.reconstruction);
    if (scene.typicality) {
      compare("unexplained", of("unexplained"), [scene.typicality.unexplained.value]);
      compare("thickness", of("thickness"), [scene.typicality.thickness.value]);
      if (Boolean(of("typical")[0]) !== scene.typical) this.#typicalDisagreements++;
    }
    scene.objects.forEach((object, slot) => {
      compare("presence", of("presence", slot), [object.presence]);
      compare("score", of("score", slot), [object.score]);
      compare("box (pixels)", of("box", slot), Object.values(object.box));
      compare("z_where", of("z_where", slot), object.zWhere);
      compare("z_what", of("z_what", slot), object.zWhat);
      compare("patch", of("patch", slot), object.patch);
      const tight = of("tight_box", slot);
      this.#objects++;
      const isSame = Object.values(object.tightBox).every((side, i) => Math.abs(side - tight[i]!) <= SAME_SIDE);
      if (!isSame) this.tightBoxDisagreements++;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/** The images as the file takes them. */
function imageTensor({ channels, imageSize }: AirConfig, planes: Float32Array, bytes?: Uint8Array): ort.Tensor {
  const pixels = imageSize ** 2;
  const batch = planes.length / (channels * pixels);
  if (!bytes) return new ort.Tensor("float32", planes, [batch, channels, imageSize, imageSize]);
  const lastChannels = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    const [image, within] = [Math.floor(i / (channels * pixels)), i % (channels * pixels)];
    const [channel, pixel] = [Math.floor(within / pixels), within % pixels];
    lastChannels[(image * pixels + pixel) * channels + channel] = bytes[i]!;
  }
  return new ort.Tensor("uint8", lastChannels, [batch, imageSize, imageSize, channels]);
}
