/** Entry module of a worker for the `wasm` device, separate from the other so that each bundles into a single file. */
import * as ort from "onnxruntime-web/wasm";
import { serve } from "./worker-serve.js";

serve(ort, "wasm");
