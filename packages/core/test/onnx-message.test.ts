import { describe, expect, it } from "vitest";
import {
  fieldsOf,
  integerField,
  join,
  messageField,
  node,
  readText,
  textField,
  valueInfo,
} from "../src/onnx-message.js";
import { probeModel } from "../src/probe-model.js";

describe("onnx-message", () => {
  it("splits a model into fields that join to the same bytes", () => {
    const fields = fieldsOf(probeModel);
    expect(fields.map(({ number }) => number)).toEqual([1, 8, 7]);
    expect(join(fields.map(({ bytes }) => bytes))).toEqual(probeModel);
    const graph = fields[2]!;
    expect(join(messageField(7, [graph.value]))).toEqual(graph.bytes);
    expect(fieldsOf(graph.value).map(({ number }) => number)).toEqual([1, 2, 11, 12]);
  });

  it("writes nodes and shapes as onnx.proto specifies", () => {
    const [field] = fieldsOf(join(node("Relu", ["x"], ["y"])));
    const fields = fieldsOf(field!.value).map(({ number, value }) => [number, readText(value)]);
    expect(fields).toEqual([
      [1, "x"],
      [2, "y"],
      [3, "y/Relu"],
      [4, "Relu"],
    ]);
    const input = fieldsOf(fieldsOf(probeModel)[2]!.value).find(({ number }) => number === 11)!;
    expect(join(valueInfo(11, "x", "float32", [1]))).toEqual(input.bytes);
  });

  it("reads lengths and numbers of several bytes, and skips fields of fixed size", () => {
    const long = "x".repeat(20_000);
    const fixed = [Uint8Array.of((3 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8), Uint8Array.of((4 << 3) | 5, 1, 2, 3, 4)];
    const fields = fieldsOf(join([...integerField(1, 2 ** 40), ...textField(200, long), ...fixed]));
    expect(fields.map(({ number }) => number)).toEqual([1, 200, 3, 4]);
    expect(readText(fields[1]!.value)).toBe(long);
    expect([...fields[3]!.value]).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ["is cut off within a text", join(textField(1, "abc")).subarray(0, 3)],
    ["is cut off within a number", Uint8Array.of(8, 128)],
    ["is something else", Uint8Array.of(15)],
  ])("refuses a message that %s", (_, bytes) => {
    expect(() => fieldsOf(bytes)).toThrow(RangeError);
  });
});
