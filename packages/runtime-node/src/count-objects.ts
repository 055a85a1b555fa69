/** From a picture to its objects in one call. */
import type { PictureOptions, PictureScene } from "@air-onnx/core";
import { AirModel } from "./air-model.js";
import type { PictureSource } from "./read-picture.js";

/**
 * Finds the objects in one picture of any size. For several pictures open the model once, by `AirModel.fromPretrained`, and give it
 * here or call its `infer`.
 *
 * @param model an open model, or the location of one, which is opened for this call
 * @throws the errors of `AirModel.fromPretrained` and of its `infer`
 */
export async function countObjects(
  model: AirModel | string | URL,
  picture: PictureSource,
  options: PictureOptions = {},
): Promise<PictureScene> {
  if (!(model instanceof AirModel)) {
    await using opened = await AirModel.fromPretrained(model, { signal: options.signal });
    return await countObjects(opened, picture, options);
  }
  const [scene] = await model.infer([picture], { ...options, fit: options.fit ?? "auto" });
  return scene!;
}
