import type { AirConfigInput } from "@air-onnx/core";

/**
 * A model for objects of 9 to 18 pixels, anywhere in the image. A window that cannot grow beyond one of them (`where.side` of
 * the presets) cannot cover two. Presence is probable at first, so that the first window goes on looking until it has learned to find
 * something.
 */
export const smallWindows = {
  embeddingSize: 0,
  lstmInput: { type: "remainder" },
  prior: { whereMean: [0, 0, 0], whereStd: [1, 1, 1] },
} as const satisfies AirConfigInput;
