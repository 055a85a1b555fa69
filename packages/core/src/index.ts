export {
  EARLY_STOP_TOLERANCE,
  type InferenceOptions,
  inferScenes,
  type StepReport,
  type SummaryOptions,
} from "./attention-loop.js";
export { type Background, estimateBackground, noiseOf, type PlaneSize } from "./background.js";
export { type BoundedDownload, downloadBounded, requireStallSeconds, type StallOption } from "./bounded-download.js";
export * from "./box-matching.js";
export { closestNames } from "./closest-names.js";
export { CONCAT_OUTPUT, concatInput, concatModel } from "./concat-model.js";
export * from "./config.js";
export { currentKey, upgradeAirConfig } from "./config-upgrade.js";
export { withConstantValues, withoutConstantValues } from "./constant-values.js";
export * from "./count.js";
export * from "./elbo.js";
export * from "./errors.js";
export * from "./evidence.js";
export { type ObjectExtent, tightBoxThresholds } from "./extent.js";
export { freeBuffers } from "./free-buffers.js";
export { graphFault } from "./graph-check.js";
export type { GraphSession } from "./graph-run.js";
export * from "./graphs.js";
export * from "./images.js";
export * from "./importance-weights.js";
export { requireInteger } from "./integer-option.js";
export { parseJson } from "./json.js";
export { type OptionNames, requireKnownOptions } from "./known-options.js";
export { MAX_GRAPH_BYTES, MAX_MANIFEST_BYTES, modelLimits } from "./limits.js";
export * from "./loaded-model.js";
export * from "./loading.js";
export * from "./manifest.js";
export * from "./model-address.js";
export { overlay } from "./overlay.js";
export { downloadPicture, readPictureStream } from "./picture-download.js";
export * from "./picture-fit.js";
export * from "./picture-inference.js";
export { pictureLimits } from "./picture-limits.js";
export * from "./preprocessing.js";
export { probeModel } from "./probe-model.js";
export * from "./random.js";
export type { InferenceSessions, TrajectoryNoise } from "./recurrence.js";
export { resamplePlanes } from "./resample.js";
export * from "./scene.js";
export type { FittedJudgement } from "./scene-builder.js";
export * from "./scene-drawing.js";
export {
  type StepValue,
  sceneGraph,
  sceneGraphNames,
  stepNumbers,
  stepOutput,
  stepOutputNames,
} from "./scene-graph.js";
export type { SceneModel } from "./scene-model.js";
export * from "./scene-svg.js";
export * from "./score.js";
export type { Tile, TileObject } from "./tiles.js";
export * from "./typicality.js";
export { type UnrolledGraph, unrolledGraph } from "./unrolled-graph.js";
export * from "./where.js";
export { AUTO_ZOOMS, LEAST_ZOOM, MOST_ZOOMS, zoomOut } from "./zoom.js";
