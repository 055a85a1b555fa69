/** The module of a worker that holds a model on the `webgpu` device. A module of its own, so that it bundles without a split. */
import * as ort from "onnxruntime-web/webgpu";
import { serve } from "./worker-serve.js";

serve(ort, "webgpu");
