export { type CpuNodes, type InferenceSpeed, measureInference } from "./inference-speed.js";
export type { MatmulPeak } from "./matmul-peak.js";
export type { Rates } from "./rates.js";
export { measureTraining, type TrainingSpeed } from "./training-speed.js";
