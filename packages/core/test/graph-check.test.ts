import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { graphFault } from "../src/graph-check.js";
import {
  attribute,
  constant,
  integerField,
  join,
  messageField,
  node,
  type Pieces,
  textField,
} from "../src/onnx-message.js";
import { probeModel } from "../src/probe-model.js";

const shipped = new Uint8Array(readFileSync(new URL("../../../models/multi-mnist-64/onnx/step.onnx", import.meta.url)));

/** Makes a model from the fields of its graph, and further fields besides the graph. */
const model = (graph: Pieces, beside: Pieces = []): Uint8Array =>
  join([...integerField(1, 8), ...messageField(7, [...textField(2, "g"), ...graph]), ...beside]);

/** A tensor whose values are in `weights.bin`. */
const external: Pieces = [
  ...integerField(1, 1),
  ...integerField(2, 1),
  ...textField(8, "secret"),
  ...messageField(13, [...textField(1, "location"), ...textField(2, "weights.bin")]),
  ...integerField(14, 1),
];
const IN_ANOTHER_FILE = /keeps the values of .* in another file \(ONNX external data\)/;

/** `content` as an attribute's field, in a node. */
const inNode = (field: number, content: Pieces): Pieces =>
  node("Any", ["x"], ["y"], [messageField(5, messageField(field, content))]);

describe("graphFault", () => {
  it("finds no fault in complete models", () => {
    expect(graphFault(probeModel)).toBeUndefined();
    expect(graphFault(shipped)).toBeUndefined();
    const body = attribute("body", constant("w", "float32", [1], Float32Array.of(1)));
    expect(graphFault(model(node("Loop", ["n"], ["y"], [body])))).toBeUndefined();
  });

  it.each<[string, Uint8Array]>([
    ["an initializer", model(messageField(5, external))],
    ["the values of a sparse initializer", model(messageField(15, messageField(1, external)))],
    ["the indices of a sparse initializer", model(messageField(15, messageField(2, external)))],
    ["a node's tensor", model(inNode(5, external))],
    ["one of a node's tensors", model(inNode(10, external))],
    ["a node's sparse tensor", model(inNode(22, messageField(1, external)))],
    ["one of a node's sparse tensors", model(inNode(23, messageField(2, external)))],
    ["a graph within a node", model(inNode(6, messageField(5, external)))],
    ["one of the graphs within a node", model(inNode(11, inNode(6, inNode(5, external))))],
    ["a node of a function", model([], messageField(25, messageField(7, messageField(5, messageField(5, external)))))],
    ["an attribute's default in a function", model([], messageField(25, messageField(11, messageField(5, external))))],
    ["a training graph", model([], messageField(20, messageField(2, messageField(5, external))))],
    ["a tensor that names no place", model(messageField(5, [...textField(8, "w"), ...integerField(14, 1)]))],
    ["a tensor that denies it", model(messageField(5, [...external, ...integerField(14, 0)]))],
    ["a tensor that does not say so", model(messageField(5, messageField(13, textField(1, "location"))))],
    // Readers keep 32 bits of an enumeration.
    [
      "a place of another number",
      model(messageField(5, [...textField(8, "w"), Uint8Array.of(14 << 3, 129, 128, 128, 128, 16)])),
    ],
  ])("refuses values in another file: %s", (_, bytes) => {
    expect(graphFault(bytes)).toMatch(IN_ANOTHER_FILE);
  });

  it("names the tensor, with a limit on the length of the name", () => {
    expect(graphFault(model(messageField(5, external)))).toContain('"secret"');
    expect(
      graphFault(model(messageField(5, [...integerField(14, 1), ...textField(8, "x".repeat(1e6))])))!.length,
    ).toBeLessThan(300);
  });

  /** The key of field 5 with a bit that 32-bit readers drop, and the same in more bytes than they take. */
  const [beyond, longer] = [
    Uint8Array.of(0xaa, 0x80, 0x80, 0x80, 0x10),
    Uint8Array.of(0xaa, 0x80, 0x80, 0x80, 0x80, 0),
  ];
  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(0), /it must have one graph/],
    ["text", new TextEncoder().encode("<!doctype html>"), /is not an ONNX model/],
    ["two graphs, of which readers make one", join([model([]), model([])].flat()), /it must have one graph/],
    ["onnxruntime's own format", new TextEncoder().encode("\0\0\0\0ORTM"), /onnxruntime's own format/],
    ["a key of too many bits", model([beyond, Uint8Array.of(0)]), /a field of number/],
    ["a key of too many bytes", model([longer, Uint8Array.of(0)]), /more than 5 bytes/],
    ["a field of number 0", Uint8Array.of(0, 0), /a field of number 0/],
    ["a number without end", Uint8Array.of(8, ...new Array(11).fill(128), 0), /more than 10 bytes/],
    ["a group", Uint8Array.of(0x0b), /wire type 3/],
    ["an initializer that is a number", model(integerField(5, 1)), /field 5 of a graph is not a message/],
    [
      "a million fields",
      model([new Uint8Array(2_000_002).map((_, i) => (i % 2 === 0 ? 8 << 3 : 0))]),
      /more than 1000000 fields/,
    ],
  ])("refuses %s", (_, bytes, fault) => {
    expect(graphFault(bytes)).toMatch(fault);
  });

  it("refuses graphs that are nested too deep", () => {
    let graph: Pieces = messageField(5, external);
    for (let i = 0; i < 1000; i++) graph = [join(inNode(6, graph))];
    expect(graphFault(model(graph))).toMatch(/more than 100 deep/);
  });

  it("finds an external tensor in every kind of message, among arbitrary other fields", () => {
    /** What each kind of message can be put in: the field, and the kind that has it. */
    const outer = {
      tensor: [
        [5, "graph"],
        [5, "attribute"],
        [10, "attribute"],
        [1, "sparse"],
        [2, "sparse"],
      ],
      sparse: [
        [15, "graph"],
        [22, "attribute"],
        [23, "attribute"],
      ],
      attribute: [
        [5, "node"],
        [11, "function"],
      ],
      node: [
        [1, "graph"],
        [7, "function"],
      ],
      graph: [
        [7, "model"],
        [6, "attribute"],
        [11, "attribute"],
        [1, "training"],
        [2, "training"],
      ],
      function: [[25, "model"]],
      training: [[20, "model"]],
    } as const;
    type Kind = keyof typeof outer | "model";
    // Fields that no message above gives a meaning to.
    const filling = fc.array(
      fc.oneof(
        fc.tuple(fc.integer({ min: 200, max: 9000 }), fc.nat()).map(([field, value]) => integerField(field, value)),
        fc.tuple(fc.integer({ min: 200, max: 9000 }), fc.string()).map(([field, value]) => textField(field, value)),
      ),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), filling, filling), { minLength: 40, maxLength: 40 }),
        fc.boolean(),
        (turns, isExternal) => {
          let content: Pieces = isExternal ? external : textField(8, "w");
          let kind: Kind = "tensor";
          let wrapsGraph = false;
          for (const [choice, before, after] of turns) {
            if (kind === "model") break;
            const ways: readonly (readonly [number, Kind])[] = outer[kind];
            const [field, next]: readonly [number, Kind] = ways[choice % ways.length]!;
            wrapsGraph ||= kind === "graph" && next === "model";
            content = [...before.flat(), ...messageField(field, content), ...after.flat()];
            kind = next;
          }
          fc.pre(kind === "model");
          const bytes = join(wrapsGraph ? content : [...content, ...messageField(7, [])]);
          if (isExternal) expect(graphFault(bytes)).toMatch(IN_ANOTHER_FILE);
          else expect(graphFault(bytes)).toBeUndefined();
        },
      ),
      { numRuns: 300 },
    );
  });

  it("returns a verdict on arbitrary bytes without throwing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(["string", "undefined"]).toContain(typeof graphFault(bytes));
      }),
      { numRuns: 1000 },
    );
    const small = join([probeModel]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(small.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (changes) => {
          const bytes = small.slice();
          for (const [at, value] of changes) bytes[at] = value;
          expect(["string", "undefined"]).toContain(typeof graphFault(bytes));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
