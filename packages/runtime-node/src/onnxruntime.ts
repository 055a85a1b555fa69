/**
 * The one door to onnxruntime-node: everything in this project that runs a graph in Node imports it from here.
 */
import "./telemetry.js";

export { InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";
