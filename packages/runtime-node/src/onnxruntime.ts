/**
 * The only module that imports onnxruntime-node. All code of this project that runs a graph in Node imports it from here,
 * so that telemetry is always switched off first.
 */
import "./telemetry.js";

export { InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";
