import type { InferenceSession } from "onnxruntime-common";
import { describe, expect, it } from "vitest";
import { graphSignatures, signatureDifferences } from "../src/graphs.js";
import { toyConfig } from "./toy-model.js";

const { decoder } = graphSignatures(toyConfig);

function session(change: Record<string, Partial<InferenceSession.TensorValueMetadata> | undefined> = {}) {
  const declared: Record<string, Partial<InferenceSession.TensorValueMetadata> | undefined> = {
    ...Object.fromEntries(
      Object.entries(decoder.inputs).map(([name, shape]) => [name, { shape: ["batch", ...shape] }]),
    ),
    ...change,
  };
  return {
    outputNames: [...Object.keys(decoder.outputs), "extra"],
    inputMetadata: Object.entries(declared).flatMap(([name, metadata]) =>
      metadata ? [{ name, isTensor: true, type: "float32", shape: [], ...metadata } as const] : [],
    ),
  };
}

describe("signatureDifferences", () => {
  it("finds none in a graph of the model, even with another name of the batch dimension or an extra output", () => {
    expect(signatureDifferences(session(), decoder)).toEqual([]);
    expect(signatureDifferences(session({ presence: { shape: ["N"] } }), decoder)).toEqual([]);
  });

  it.each([
    [{ z_what: undefined }, 'it has no input "z_what"'],
    [{ mask: { shape: ["batch"] } }, 'it has an unknown input "mask"'],
    [{ z_where: { type: "float64" } } as const, 'its input "z_where" is float64, not float32'],
    [{ canvas: { shape: ["batch", 1, 8, 8] } }, 'its input "canvas" is [batch, 1, 8, 8], not [batch, 1, 4, 4]'],
    [{ presence: { shape: ["batch", 1] } }, 'its input "presence" is [batch, 1], not [batch]'],
  ])("finds %j", (change, difference) => {
    expect(signatureDifferences(session(change), decoder)).toEqual([difference]);
  });

  it("finds a missing output", () => {
    expect(signatureDifferences({ ...session(), outputNames: ["patch"] }, decoder)).toEqual([
      'it has no output "next_canvas"',
    ]);
  });
});
