import { expect, it } from "vitest";
import { overlay } from "../src/overlay.js";

it.each([
  [{ a: 1, b: { c: 2, d: 3 } }, { b: { c: 4 } }, { a: 1, b: { c: 4, d: 3 } }],
  [{ list: [1, 2, 3] }, { list: [4] }, { list: [4] }],
  [{ a: { b: 1 } }, { a: null }, { a: null }],
  [{ a: null }, { a: { b: 1 } }, { a: { b: 1 } }],
  [{ a: 1 }, undefined, { a: 1 }],
  [{ a: 1 }, { a: undefined }, { a: 1 }],
  [{ type: "x", size: 1 }, { size: 2 }, { type: "x", size: 2 }],
  [{ type: "x", size: 1 }, { type: "x" }, { type: "x", size: 1 }],
  [{ type: "x", size: 1 }, { type: "y" }, { type: "y" }],
  [{ size: 1 }, { type: "y" }, { type: "y", size: 1 }],
  [{ a: { type: "x", size: 1 }, b: 1 }, { a: { type: "y", depth: 2 } }, { a: { type: "y", depth: 2 }, b: 1 }],
])("on %j, %j makes %j", (base, top, expected) => {
  expect(overlay(base, top)).toEqual(expected);
});
