/**
 * Traces a tfjs LayersModel: its inputs, outputs and weights keep their names.
 */
import * as tf from "@tensorflow/tfjs";
import { BATCH, type InputSpec, type TracedGraph, trace } from "./trace.js";

/**
 * The model's prediction (not its training) as a graph. A dimension that the model leaves open (null) is the batch if it
 * is the first; any other must be fixed by the model.
 *
 * @param model a built model; it is left as it was
 * @returns inputs named `model.inputNames`, outputs named `model.outputNames`, and the weights under their own names
 * @throws {Error} if the model leaves a dimension open besides the batch
 * @throws {UnsupportedKernelError} if a layer uses a kernel without a lowering
 */
export function traceLayersModel(model: tf.LayersModel): TracedGraph {
  const inputs = Object.fromEntries(
    model.inputs.map((input, i) => {
      const name = model.inputNames[i]!;
      const shape = input.shape.map((dim, axis) => {
        if (dim !== null) return dim;
        if (axis === 0) return BATCH;
        throw new Error(`Input ${name} of the model leaves dimension ${axis} open: give the model a fixed size there`);
      });
      return [name, { shape, dtype: graphDType(input.dtype, name) } satisfies InputSpec];
    }),
  );
  return trace(
    (tensors) => {
      const outputs = model.apply(model.inputNames.map((name) => tensors[name]!)) as tf.Tensor | tf.Tensor[];
      const list = outputs instanceof tf.Tensor ? [outputs] : outputs;
      return Object.fromEntries(model.outputNames.map((name, i) => [name, list[i]!]));
    },
    { inputs },
  );
}

function graphDType(dtype: tf.DataType, input: string): "float32" | "int32" | "bool" {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new Error(`Input ${input} of the model has type ${dtype}: ONNX graphs hold float32, int32 and bool here`);
}
