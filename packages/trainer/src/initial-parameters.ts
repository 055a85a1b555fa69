/** Initial parameters as a function of the seed: each is drawn uniformly from an interval around 0, or given. */
import { RandomStream } from "@air-onnx/core";
import type { NamedTensorData, TensorData } from "./training-state.js";

/**
 * First part of the key of the random streams that draw initial parameters; the second is the parameter's index.
 */
export const INITIAL_PARAMETERS_STREAM = 0x696e6974;

/** Where one parameter starts. */
export interface InitialParameter {
  /** Name of the parameter. */
  readonly name: string;
  /** Its shape. */
  readonly shape: readonly number[];
  /** Its elements are uniform over [-bound, bound). */
  readonly bound: number;
  /** Its elements, if they are not drawn. */
  readonly values?: readonly number[] | undefined;
}

/**
 * Draws initial parameters. A seed gives the same values on every machine; each parameter has a random stream of its own.
 *
 * @throws {RangeError} if the seed is not a non-negative safe integer, or `values` are not as many as the shape has
 */
export function drawParameters(parameters: readonly InitialParameter[], seed: number): NamedTensorData {
  const drawn = parameters.map(({ name, shape, bound, values }, index): [string, TensorData] => {
    const stream = new RandomStream(seed, INITIAL_PARAMETERS_STREAM, index);
    const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
    for (let i = 0; i < data.length; i++) data[i] = (2 * stream.uniform() - 1) * bound;
    if (values) {
      if (values.length !== data.length) {
        throw new RangeError(`The parameter ${name} has ${data.length} elements, not ${values.length}`);
      }
      data.set(values);
    }
    return [name, { shape, data }];
  });
  return Object.fromEntries(drawn);
}
