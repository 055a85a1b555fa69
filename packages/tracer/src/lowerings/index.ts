/** Every lowering that the tracer comes with. */
import { activationLowerings } from "./activation.js";
import { binaryLowerings } from "./binary.js";
import { convolutionLowerings } from "./convolution.js";
import { creationLowerings } from "./creation.js";
import { gatherLowerings } from "./gather.js";
import { histogramLowerings } from "./histogram.js";
import { imageLowerings } from "./image.js";
import type { Lowering } from "./lowering.js";
import { matmulLowerings } from "./matmul.js";
import { normalizationLowerings } from "./normalization.js";
import { poolingLowerings } from "./pooling.js";
import { reductionLowerings } from "./reduction.js";
import { scanLowerings } from "./scan.js";
import { shapeLowerings } from "./shape.js";
import { slicingLowerings } from "./slicing.js";
import { unaryLowerings } from "./unary.js";
import { warpLowerings } from "./warp.js";

export const allLowerings: readonly Lowering[] = [
  ...unaryLowerings,
  ...activationLowerings,
  ...binaryLowerings,
  ...creationLowerings,
  ...reductionLowerings,
  ...scanLowerings,
  ...matmulLowerings,
  ...shapeLowerings,
  ...slicingLowerings,
  ...gatherLowerings,
  ...histogramLowerings,
  ...normalizationLowerings,
  ...convolutionLowerings,
  ...poolingLowerings,
  ...imageLowerings,
  ...warpLowerings,
];
