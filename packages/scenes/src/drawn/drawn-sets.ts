/** The data sets that are drawn, a line each. Names, settings, flags and presets follow from it. */
export { multiDiscsSet } from "./multi-discs.js";
export { multiDsprites64Set } from "./multi-dsprites-64.js";
export { multiMnistSet } from "./multi-mnist.js";
export { multiMnist64Set } from "./multi-mnist-64.js";
export { multiStrokesSet } from "./multi-strokes.js";
