/**
 * A traced step as the body of an ONNX Loop, which runs it many times in one call.
 */
import { attributeType, type GraphProto } from "../onnx/schema.js";
import type { TracedGraph } from "../trace.js";
import { GraphEncoder } from "./graph-encoder.js";
import { type EncodeOptions, serialise } from "./model.js";
import {
  bareNode,
  boolTensor,
  dimensionName,
  encodeAttribute,
  int64Tensor,
  prependDimension,
  tensorInfo,
} from "./protos.js";

/** The roles of a traced step's inputs and outputs in a loop over the step. All names are the step's. */
export interface LoopSpec {
  /** Input → the output that replaces it at the next step. The loop returns the last value, under the output's name. */
  readonly state: Readonly<Record<string, string>>;
  /** Inputs with a value of their own for each step: the loop takes `[steps, …]`. */
  readonly perStep: readonly string[];
  /** Outputs to collect from each step: the loop returns `[steps, …]`. */
  readonly collect: readonly string[];
}

/** The symbolic name of a loop's leading dimension. */
export const STEPS = "steps";

/**
 * A model that runs the traced step as often as its per-step inputs are long, in one ONNX Loop (operator Loop-21).
 * Other inputs are the same at every step.
 *
 * @throws {Error} if `spec` names what the step does not have, or leaves an output unused
 */
export function encodeLoop(traced: TracedGraph, spec: LoopSpec, options: EncodeOptions = {}): Uint8Array {
  const { inputs } = traced;
  const { outputs } = traced.graph;
  const stateOutputs = Object.values(spec.state);
  checkSpec(traced, spec);
  const clock = spec.perStep[0];
  if (clock === undefined) throw new Error("A loop needs a per-step input: its length is the number of steps");

  const stateInputs = Object.keys(spec.state);
  // The loop's inputs have other names than the body's; these must be free.
  const outerNames = [...stateInputs.map(initialInput), ...spec.perStep.map(stacked)];
  const clash = outerNames.find((name) => name in inputs || name in outputs);
  if (clash !== undefined) throw new Error(`The step calls a tensor ${clash}, a name that the loop needs`);
  const encoder = new GraphEncoder(traced, { reserved: outerNames });
  const body = encoder.graph("step");
  const iteration = encoder.fresh("iteration");
  const condition = encoder.fresh("condition");
  const goOn = encoder.fresh("go_on");
  const fed = new Map(body.input.map((info) => [info.name, info]));
  const made = new Map(body.output.map((info) => [info.name, info]));

  // Inputs that are not state come from the enclosing graph's scope; a per-step one is cut from its stack first.
  const cuts = spec.perStep.map((name) => ({
    ...bareNode("Gather", [stacked(name), iteration], [name]),
    attribute: [encodeAttribute("axis", { type: "int", value: 0 })],
  }));
  body.node.unshift(...cuts);
  body.node.push(bareNode("Identity", [condition], [goOn]));
  body.input = [
    tensorInfo(iteration, "int64", []),
    tensorInfo(condition, "bool", []),
    ...stateInputs.map((name) => fed.get(name)!),
  ];
  body.output = [
    tensorInfo(goOn, "bool", []),
    ...stateOutputs.map((name) => made.get(name)!),
    ...spec.collect.map((name) => made.get(name)!),
  ];

  const emptyShape = encoder.fresh("empty_shape");
  const always = encoder.fresh("always");
  const stepsVector = encoder.fresh("steps_vector");
  const steps = encoder.fresh("steps_scalar");
  const outer: GraphProto = {
    name: options.name ?? "loop",
    input: Object.entries(inputs).map(([name, { shape, dtype = "float32" }]) => {
      if (spec.perStep.includes(name)) return tensorInfo(name, dtype, [STEPS, ...shape]);
      return tensorInfo(name, dtype, shape);
    }),
    output: [
      ...stateOutputs.map((name) => made.get(name)!),
      ...spec.collect.map((name) => prependDimension(made.get(name)!, STEPS)),
    ],
    initializer: [int64Tensor(emptyShape, [0], []), boolTensor(always, true)],
    node: [
      {
        ...bareNode("Shape", [stacked(clock)], [stepsVector]),
        attribute: [
          encodeAttribute("start", { type: "int", value: 0 }),
          encodeAttribute("end", { type: "int", value: 1 }),
        ],
      },
      bareNode("Reshape", [stepsVector, emptyShape], [steps]),
      {
        ...bareNode("Loop", [steps, always, ...stateInputs.map(initialInput)], [...stateOutputs, ...spec.collect]),
        attribute: [{ name: "body", type: attributeType.graph, g: body }],
      },
    ],
  };
  for (const info of outer.input) {
    if (spec.perStep.includes(info.name)) info.name = stacked(info.name);
    else if (stateInputs.includes(info.name)) info.name = initialInput(info.name);
  }
  return serialise(outer, options);
}

/** Refuses what does not fit the step's inputs and outputs. */
function checkSpec(traced: TracedGraph, spec: LoopSpec): void {
  const { inputs } = traced;
  const { outputs } = traced.graph;
  for (const name of [...Object.keys(spec.state), ...spec.perStep]) {
    if (!(name in inputs)) throw new Error(`The loop names an input ${name} that the step does not have`);
  }
  const used = new Set([...Object.values(spec.state), ...spec.collect]);
  for (const name of used)
    if (!(name in outputs)) throw new Error(`The loop names an output ${name} that the step does not have`);
  for (const name of Object.keys(outputs)) {
    if (!used.has(name)) throw new Error(`The step's output ${name} is neither state nor collected`);
  }
  const stateOutputs = Object.values(spec.state);
  const twice = [...stateOutputs, ...spec.collect].find((name, i, all) => all.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`The loop uses the step's output ${twice} twice: return it under two names`);
  const both = spec.perStep.find((name) => name in spec.state);
  if (both !== undefined) throw new Error(`The loop's input ${both} is both state and per-step`);
  for (const [input, output] of Object.entries(spec.state)) {
    const { shape, dtype = "float32" } = inputs[input]!;
    const { dtype: madeDType } = outputs[output]!;
    const madeShape = traced.batch.outputShapes[output]!.map(dimensionName);
    if (dtype !== madeDType || String(shape) !== String(madeShape)) {
      throw new Error(
        `The loop's state ${input} is ${dtype} [${shape}], but ${output}, which replaces it, is ${madeDType} [${madeShape}]`,
      );
    }
  }
}

/** The loop's name of the step's per-step input `name`. */
export function stacked(name: string): string {
  return `${name}_per_step`;
}

/** The loop's name of the step's state input `name`. */
export function initialInput(name: string): string {
  return `initial_${name}`;
}
