import type { AirConfigInput } from "@air-onnx/core";

/**
 * Settings of a model for objects of 9 to 18 pixels anywhere in the image. A window that cannot grow beyond one object
 * (`where.side`) cannot cover two. The presets that use these settings begin with a high presence prior, so that the first
 * window stays present until it has learned to find something.
 */
export const smallWindows = {
  embeddingSize: 0,
  lstmInput: { type: "remainder" },
  prior: { whereMean: [0, 0, 0], whereStd: [1, 1, 1] },
} as const satisfies AirConfigInput;
