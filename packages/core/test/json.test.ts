import fc from "fast-check";
import { expect, it } from "vitest";
import { ConfigError } from "../src/errors.js";
import { parseJson } from "../src/json.js";

it("reads what JSON.parse reads, as text or as bytes", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6, noUnicodeString: false }), (text) => {
      fc.pre(!text.includes("__proto__"));
      expect(parseJson(text, "file")).toEqual(JSON.parse(text));
      expect(parseJson(new TextEncoder().encode(text), "file")).toEqual(JSON.parse(text));
    }),
  );
});

it("refuses a key __proto__, however it is written and wherever it is", () => {
  for (const key of ["__proto__", "\\u005f_proto__", "_\\u005Fproto_\\u005f"]) {
    for (const text of [`{"${key}":{"steps":20}}`, `{"a":[{"b":{"${key}":1}}]}`, `[[{"${key}":null}]]`]) {
      expect(() => parseJson(text, "settings x.json")).toThrow(ConfigError);
      expect(() => parseJson(text, "settings x.json")).toThrow(/settings x\.json has the key "__proto__"/);
    }
  }
  expect(parseJson('{"a":"__proto__","constructor":1}', "x")).toEqual({ a: "__proto__", constructor: 1 });
});

it("refuses JSON that is nested too deep for recursive code", () => {
  const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  expect(parseJson(nested(32), "x")).toHaveLength(1);
  for (const text of [nested(33), nested(20_000), "[".repeat(1e6), '{"a":'.repeat(20_000)]) {
    expect(() => parseJson(text, "x")).toThrow(/x nests objects or lists more than 32 deep/);
  }
  expect(parseJson(JSON.stringify({ 'a"[[': "[".repeat(1000), b: '\\"{{{'.repeat(100) }), "x")).toHaveProperty("b");
});

it("names the file whose bytes are not text, or whose text is not JSON", () => {
  expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), "manifest m")).toThrow(/^manifest m is not JSON/);
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseJson(text, "manifest m");
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
  );
});
