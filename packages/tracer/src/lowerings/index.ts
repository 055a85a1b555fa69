/** Every lowering that the tracer comes with. */
import { elementwiseLowerings } from "./elementwise.js";
import type { Lowering } from "./lowering.js";
import { matmulLowerings } from "./matmul.js";
import { reductionLowerings } from "./reduction.js";
import { shapeLowerings } from "./shape.js";

export const allLowerings: readonly Lowering[] = [
  ...elementwiseLowerings,
  ...matmulLowerings,
  ...shapeLowerings,
  ...reductionLowerings,
];
