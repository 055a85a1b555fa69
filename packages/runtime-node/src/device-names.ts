/** The devices by name, as onnxruntime-node calls its execution providers. */
export const devices = ["cpu", "cuda", "webgpu"] as const;
/** Name of a device. */
export type Device = (typeof devices)[number];
