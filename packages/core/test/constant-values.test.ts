/** Values of constants are taken out of a serialised model and put in, and nothing else changes. */
import { describe, expect, it } from "vitest";
import { withConstantValues, withoutConstantValues } from "../src/index.js";
import { constant, integerField, join, messageField, node, textField } from "../src/onnx-message.js";

const weights = Float32Array.of(1, 2, 3, 4, 5, 6);
const model = join([
  ...integerField(1, 10),
  ...messageField(7, [
    ...node("Add", ["w", "b"], ["y"]),
    ...constant("w", "float32", [2, 3], weights),
    ...constant("b", "float32", [3], Float32Array.of(7, 8, 9)),
    ...textField(2, "graph"),
  ]),
]);

describe("the values of constants", () => {
  it("are left out, and put in again", () => {
    const template = withoutConstantValues(model, new Set(["w"]));
    expect(model.length - template.length).toBeGreaterThanOrEqual(4 * weights.length);
    expect(withConstantValues(template, new Map([["w", weights]]))).toEqual(model);
  });

  it("are replaced where there are some", () => {
    const other = weights.map((value) => -value);
    const replaced = withConstantValues(model, new Map([["w", other]]));
    expect(replaced).toHaveLength(model.length);
    expect(replaced).not.toEqual(model);
    expect(withConstantValues(replaced, new Map([["w", weights]]))).toEqual(model);
  });

  it("are refused for a constant that is not there, and for what is no model", () => {
    expect(() => withConstantValues(model, new Map([["c", weights]]))).toThrow(/no constant c/);
    expect(() => withoutConstantValues(model, new Set(["w", "c"]))).toThrow(RangeError);
    expect(() => withoutConstantValues(Uint8Array.of(255), new Set(["w"]))).toThrow(RangeError);
  });
});
