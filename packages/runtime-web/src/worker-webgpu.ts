/** Entry module of a worker for the `webgpu` device, separate from the other so that each bundles into a single file. */
import * as ort from "onnxruntime-web/webgpu";
import { serve } from "./worker-serve.js";

serve(ort, "webgpu");
