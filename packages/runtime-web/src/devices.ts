/** The devices that onnxruntime-web can run a graph on. */

/** The devices by name, as onnxruntime-web calls its execution providers. */
export const devices = ["webgpu", "wasm"] as const;
/** Name of a device. */
export type Device = (typeof devices)[number];
