/** The module of a worker that holds a model on the `wasm` device. A module of its own, so that it bundles without a split. */
import * as ort from "onnxruntime-web/wasm";
import { serve } from "./worker-serve.js";

serve(ort, "wasm");
