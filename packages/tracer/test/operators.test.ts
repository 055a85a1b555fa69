/** The table of ONNX operators, and what holds lowerings to the operators that they declare. */
import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  elementwise,
  OPSET,
  type Operator,
  OperatorError,
  operatorAddress,
  operatorsOf,
  operatorVersions,
  registerLowering,
  trace,
} from "../src/index.js";
import { unaryLowerings } from "../src/lowerings/unary.js";

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

test("every operator has a definition no younger than the models' opset, and an address", () => {
  for (const [operator, version] of Object.entries(operatorVersions)) {
    expect(operator).toMatch(/^[A-Z]\w+$/);
    expect(Number.isInteger(version) && version >= 1 && version <= OPSET, operator).toBe(true);
  }
  expect(operatorAddress("MatMul")).toBe("https://onnx.ai/onnx/operators/onnx__MatMul.html");
});

describe("a lowering", () => {
  const own = unaryLowerings.find(({ kernel }) => kernel === "Sign")!;
  afterEach(() => registerLowering(own));

  /** Traces `tf.sign`, whose lowering declares `operators` and writes `op`. */
  function traceSign(operators: readonly string[], op: string): ReturnType<typeof trace> {
    registerLowering({
      kernel: "Sign",
      operators: operators as Operator[],
      lower: ({ inputs, graph }) => elementwise(graph, op as Operator, [inputs.get("x")]),
    });
    return trace(({ x }) => ({ y: tf.sign(x!) }), { inputs: { x: { shape: [3] } } });
  }

  test("of one's own writes what it declares, any operator of the opset", () => {
    expect(traceSign(["Gelu"], "Gelu").graph.nodes.map(({ op }) => op)).toEqual(["Gelu"]);
    expect(operatorsOf("Sign")).toEqual(["Gelu"]);
    expect(operatorsOf("NoKernel")).toBeUndefined();
  });

  test("may convert its operands without a word", () => {
    expect(traceSign([], "Expand").graph.nodes).toHaveLength(1);
  });

  test("that writes another operator is refused, and the next trace goes on", () => {
    expect(() => traceSign(["Gelu"], "Mish")).toThrow(OperatorError);
    expect(() => traceSign(["Gelu"], "Mish")).toThrow(/Sign writes the ONNX operator Mish, which it does not declare/);
    expect(tf.getBackend()).toBe("cpu");
    expect(trace(({ x }) => ({ y: tf.exp(x!) }), { inputs: { x: { shape: [3] } } }).graph.nodes).toHaveLength(1);
  });

  test.each(["Swish", "toString", "__proto__", ""])(
    "that declares %j, which ONNX does not have, is refused",
    (name) => {
      expect(() => traceSign([name], name)).toThrow(OperatorError);
      expect(() => traceSign([name], name)).toThrow(/Sign declares .*, which ONNX opset 21 does not have/);
    },
  );

  test("that writes what ONNX does not have is refused", () => {
    expect(() => traceSign([], "Swish")).toThrow(/Sign writes Swish, which ONNX opset 21 does not have/);
  });
});
