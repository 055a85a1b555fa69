/** The devices that onnxruntime-web can run a graph on, and the errors when one is not available or is lost. */

/** Names of the devices, which are those of onnxruntime-web's execution providers. */
export const devices = ["webgpu", "wasm"] as const;
/** Name of a device. */
export type Device = (typeof devices)[number];
