/** The README tells the truth: its table of kernels and operators, its links and its printed graphs. */
import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, test } from "vitest";
import {
  BATCH,
  type Operator,
  operatorAddress,
  operatorsOf,
  operatorVersions,
  printGraph,
  supportedKernels,
  trace,
} from "../src/index.js";
import { conversionOperators } from "../src/lowerings/lowering.js";

let readme: string;
beforeAll(async () => {
  readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

const linkOf = (operator: Operator): string => `[${operator}-${operatorVersions[operator]}][${operator}]`;

test("the table lists exactly the supported kernels, each with the operators that it declares", () => {
  const section = readme.split("<!-- kernels -->")[1] ?? "";
  const rows = [...section.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map((match) => [match[1]!, match[2]!] as const);
  expect(rows.map(([kernel]) => kernel).sort()).toEqual(supportedKernels());
  for (const [kernel, operators] of rows) {
    expect(operators, kernel).toBe(operatorsOf(kernel)!.map(linkOf).join(", ") || "none");
  }
  for (const operator of conversionOperators) expect(readme).toContain(linkOf(operator));
});

test("every operator that is named has its address, and no other", () => {
  const section = readme.split("<!-- operators -->")[1] ?? "";
  const named = new Set<Operator>([
    ...conversionOperators,
    ...supportedKernels().flatMap((each) => operatorsOf(each)!),
  ]);
  const lines = [...named].sort().map((operator) => `[${operator}]: ${operatorAddress(operator)}`);
  expect(section.trim().split("\n")).toEqual(lines);
});

test("the printed graphs are those of the functions above them", () => {
  const softmax = trace(({ x, w }) => ({ y: tf.softmax(tf.matMul(x!, w!)) }), {
    inputs: { x: { shape: [BATCH, 4] } },
    weights: { w: { shape: [4, 3], data: new Float32Array(12).fill(0.1) } },
  });
  const step = trace(
    ({ w, x, y }) => {
      const loss = (weights: tf.Tensor): tf.Scalar => tf.mean(tf.squaredDifference(tf.matMul(x!, weights), y!));
      const { value, grad } = tf.valueAndGrad(loss)(w!);
      return { loss: value, nextW: tf.sub(w!, tf.mul(grad, 0.1)) };
    },
    { inputs: { w: { shape: [3, 1] }, x: { shape: [32, 3] }, y: { shape: [32, 1] } } },
  );
  const printed = [...readme.matchAll(/```text\n(.*?)\n```/gs)].map((match) => match[1]);
  expect(printed).toEqual([printGraph(softmax), printGraph(step)]);
});
