/**
 * Keeps a traced function from changing what outlives it. A variable, or the state of a recurrent layer, that was given
 * a traced value would be without a value after the trace, and its owner (a model, an optimiser) unusable.
 */
import * as tf from "@tensorflow/tfjs";

/** A traced function would have changed a variable or a layer's state. */
export class TracedStateError extends Error {
  override name = "TracedStateError";
  constructor(
    /** The name of the variable or layer; `a variable` for one without a name. */
    readonly holder: string,
    what: string,
    remedy = "make state an input, and its next value an output",
  ) {
    super(`The traced function ${what}: ${remedy}`);
  }
}

/**
 * Makes tfjs throw a {@link TracedStateError} instead, until the function that it returns is called.
 *
 * @param isTraced whether a tensor has no value until the graph is run
 */
export function guardState(isTraced: (tensor: tf.Tensor) => boolean): () => void {
  const engine = tf.engine();
  const { makeVariable } = engine;
  const { assign } = tf.Variable.prototype;
  const { call } = tf.RNN.prototype;
  tf.Variable.prototype.assign = function refuse() {
    throw new TracedStateError(this.name, `assigned the variable ${this.name}`);
  };
  // Optimisers make their moments at their first step, from tensors like the weights.
  engine.makeVariable = (initialValue, trainable, name, dtype) => {
    if (isTraced(initialValue)) {
      const variable = name === undefined ? "a variable" : `the variable ${name}`;
      throw new TracedStateError(
        name ?? variable,
        `made ${variable} of a traced value, as an optimiser does at its first step`,
      );
    }
    return makeVariable.call(engine, initialValue, trainable, name, dtype);
  };
  tf.RNN.prototype.call = function guarded(inputs, kwargs) {
    if (this.stateful) {
      throw new TracedStateError(
        this.name,
        `called the stateful layer ${this.name}, whose state the graph would hold for good`,
        "build it with stateful: false, and pass it a traced input as its initialState",
      );
    }
    return call.call(this, inputs, kwargs);
  };
  return () => {
    engine.makeVariable = makeVariable;
    tf.Variable.prototype.assign = assign;
    tf.RNN.prototype.call = call;
  };
}
