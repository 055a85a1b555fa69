/** Every case of every lowering. */
import { activationCases } from "./activation.cases.js";
import { binaryCases } from "./binary.cases.js";
import { convolutionCases } from "./convolution.cases.js";
import { creationCases } from "./creation.cases.js";
import { gatherCases } from "./gather.cases.js";
import { histogramCases } from "./histogram.cases.js";
import { imageCases } from "./image.cases.js";
import type { LoweringCase } from "./lowering.cases.js";
import { matmulCases } from "./matmul.cases.js";
import { normalizationCases } from "./normalization.cases.js";
import { poolingCases } from "./pooling.cases.js";
import { reductionCases } from "./reduction.cases.js";
import { scanCases } from "./scan.cases.js";
import { shapeCases } from "./shape.cases.js";
import { slicingCases } from "./slicing.cases.js";
import { unaryCases } from "./unary.cases.js";
import { warpCases } from "./warp.cases.js";

export const allCases: readonly LoweringCase[] = [
  ...unaryCases,
  ...activationCases,
  ...binaryCases,
  ...creationCases,
  ...reductionCases,
  ...scanCases,
  ...matmulCases,
  ...shapeCases,
  ...slicingCases,
  ...gatherCases,
  ...histogramCases,
  ...normalizationCases,
  ...convolutionCases,
  ...poolingCases,
  ...imageCases,
  ...warpCases,
];
