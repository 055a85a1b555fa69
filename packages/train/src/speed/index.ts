export { type CpuNodes, type InferenceSpeed, type InferenceSpeedOptions, measureInference } from "./inference-speed.js";
export type { MatmulPeak } from "./matmul-peak.js";
export type { Rates, Times } from "./rates.js";
export { measureTraining, type TrainingSpeed, type TrainingSpeedOptions } from "./training-speed.js";
