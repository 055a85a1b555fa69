/**
 * The names that flags accept. The names of data sets are imported from an entry of the scenes package that loads fast. The
 * other packages take a second to load, which `--help` must not, so their names are repeated here; types keep the lists
 * complete.
 */
import type { PictureFit } from "@air-onnx/core";
import type { Opset, SceneInput, ServingTarget, WeightType } from "@air-onnx/export";
import type { Device } from "@air-onnx/runtime-node";
import type { Split } from "@air-onnx/scenes/names";
import type { EagerBackend, TrainConfig } from "@air-onnx/train";

function namesOf<Name extends string>(names: Readonly<Record<Name, true>>): Name[] {
  return Object.keys(names) as Name[];
}

export { datasetNames as datasetChoices, defaultDataset } from "@air-onnx/scenes/names";
export const heldOutSplitChoices = ["test", "fresh"] as const satisfies readonly Split[];
export const architectureChoices = namesOf<TrainConfig["architecture"]>({
  compact: true,
  reference: true,
  local: true,
});
export const estimatorChoices = namesOf<TrainConfig["estimator"]>({
  guided: true,
  marginal: true,
  nvil: true,
  "optimal-count": true,
});
export const backendChoices = namesOf<TrainConfig["backend"]>({
  onnxruntime: true,
  "onnxruntime-cuda": true,
  "onnxruntime-webgpu": true,
  tensorflow: true,
  "tensorflow-gpu": true,
  webgpu: true,
  wasm: true,
  cpu: true,
});
/** Backends whose results can be read synchronously, as the export's check does. `webgpu` in Node cannot. */
export const eagerBackendChoices = namesOf<Exclude<EagerBackend, "webgpu">>({
  wasm: true,
  cpu: true,
  tensorflow: true,
  "tensorflow-gpu": true,
});
export const weightChoices = namesOf<WeightType>({ float32: true, float16: true, int8: true });
export const sceneInputChoices = namesOf<SceneInput>({ float32: true, uint8: true });
export const servingTargetChoices = namesOf<ServingTarget>({ triton: true, kserve: true });
export const opsetChoices = [17, 18, 19, 20, 21] as const satisfies readonly Opset[];
export const deviceChoices = namesOf<Device | "auto">({ cpu: true, cuda: true, webgpu: true, auto: true });
export const benchDeviceChoices = deviceChoices.filter((device) => device !== "auto");
export const fitChoices = namesOf<PictureFit>({ auto: true, tiles: true, scale: true, exact: true });
export const modeChoices = ["mean", "sample"] as const;
