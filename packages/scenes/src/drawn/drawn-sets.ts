/** The list of drawn data sets, a line each. Names, settings, command-line flags and presets follow from it. */
export { cellsSet, darkCellsSet } from "./cells.js";
export { multiDiscsSet } from "./multi-discs.js";
export { multiDsprites64Set } from "./multi-dsprites-64.js";
export { multiMnistSet } from "./multi-mnist.js";
export { multiMnist64Set } from "./multi-mnist-64.js";
export { multiMnistOpenSet } from "./multi-mnist-open.js";
export { multiMnistSizesSet } from "./multi-mnist-sizes.js";
export { multiStrokesSet } from "./multi-strokes.js";
