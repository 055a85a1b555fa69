import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../src/errors.js";
import { manifestJsonSchema, parseManifest } from "../src/manifest.js";

const file = (name: string) => ({ path: `onnx/${name}.onnx`, size: 10, sha256: "0".repeat(64) });

const valid = {
  format: "air-onnx",
  formatVersion: 1,
  name: "tiny",
  model: {},
  normalisation: { scale: 255 },
  opset: 17,
  files: { encoder: file("encoder"), step: file("step"), decoder: file("decoder") },
  training: { dataset: "none", seed: 0, steps: 0, commit: null, exportedAt: "2026-01-01T00:00:00.000Z" },
  metrics: { elbo: -1.5 },
};

describe("parseManifest", () => {
  it("reads a manifest and fills in the model's defaults", () => {
    const manifest = parseManifest(JSON.stringify(valid), "config.json");
    expect(manifest.name).toBe("tiny");
    expect(manifest.model.imageSize).toBe(50);
    expect(manifest.files.step.path).toBe("onnx/step.onnx");
  });

  it("reads a model of the first form", () => {
    const model = {
      recurrentInput: "remainder",
      convolution: null,
      whereParameterisation: "bounded",
      windowSide: [8, 20],
    };
    expect(parseManifest(JSON.stringify({ ...valid, model }), "config.json").model).toMatchObject({
      lstmInput: { type: "remainder" },
      where: { type: "bounded", side: [8, 20] },
    });
  });

  it("reads which held-out images the metrics were measured on", () => {
    expect(parseManifest(JSON.stringify(valid), "config.json").training.heldOut).toBeUndefined();
    const heldOut = { testSize: 60, seed: 0, maxCount: 2, imageSize: 50 };
    const text = JSON.stringify({ ...valid, training: { ...valid.training, heldOut } });
    expect(parseManifest(text, "config.json").training.heldOut).toEqual(heldOut);
  });

  it("reads a preprocessing, which must have one polarity for each channel", () => {
    expect(parseManifest(JSON.stringify(valid), "config.json")).not.toHaveProperty("preprocessing");
    const preprocessing = { backgroundDegree: 2, polarity: ["dark"], contrast: [0.2, 0.5], noise: 2 };
    const parse = (change: object) =>
      parseManifest(JSON.stringify({ ...valid, preprocessing, ...change }), "config.json");
    expect(parse({}).preprocessing).toEqual(preprocessing);
    expect(() => parse({ model: { channels: 3 } })).toThrow(/preprocessing\.polarity: must have one entry for each/);
  });

  it("names the file whose text is not JSON", () => {
    expect(() => parseManifest("{", "models/x/config.json")).toThrow(ConfigError);
    expect(() => parseManifest("{", "models/x/config.json")).toThrow(/models\/x\/config\.json is not JSON/);
  });

  it.each([
    [{ formatVersion: 2 }, "formatVersion"],
    [{ format: "other" }, "format"],
    [{ extra: 1 }, "extra"],
    [{ normalisation: { scale: 0 } }, "normalisation.scale"],
    [{ files: { encoder: file("encoder"), step: file("step") } }, "files.decoder"],
    [{ files: { ...valid.files, decoder: { ...file("d"), sha256: "ABC" } } }, "files.decoder.sha256"],
    [{ metrics: { elbo: "high" } }, "metrics.elbo"],
    [{ training: { ...valid.training, heldOut: { testSize: 0 } } }, "training.heldOut.testSize"],
    [{ training: { ...valid.training, heldOut: { path: "/home/me" } } }, "path"],
    [{ model: { imageSize: 0 } }, "model.imageSize"],
    [{ model: { windowSide: [8, 20] } }, "Invalid manifest config.json:\n  model.windowSide: must be given if"],
  ])("names what is wrong with %j", (change, named) => {
    const text = JSON.stringify({ ...valid, ...change });
    expect(() => parseManifest(text, "config.json")).toThrow(ConfigError);
    expect(() => parseManifest(text, "config.json")).toThrow(named);
  });

  const withPath = (path: string): string =>
    JSON.stringify({ ...valid, files: { ...valid.files, step: { ...file("step"), path } } });

  it.each([
    ...["/etc/passwd", "../up.onnx", "onnx/../../up.onnx", "..", ".", "./step.onnx", "onnx/./step.onnx", "a\n/../../b"],
    ...["onnx\\step.onnx", "..\\up.onnx", "C:\\x", "c:x", "onnx//step.onnx", "onnx/", "", " ", ".hidden"],
    ...["http://other/step.onnx", "HTTP:other", "//other/step.onnx", " //other/step.onnx", "\t//other/x", "data:,x"],
    ...[
      "%2e%2e/up.onnx",
      ".%2e/up.onnx",
      ".\t./up.onnx",
      ".\n./up.onnx",
      "\u0000",
      "x?y",
      "x#y",
      "\u2024./x",
      "x".repeat(256),
    ],
  ])("rejects the file path %j, which leaves the folder or is not portable", (path) => {
    expect(() => parseManifest(withPath(path), "config.json")).toThrow(ConfigError);
    expect(() => parseManifest(withPath(path), "config.json")).toThrow("files.step.path");
  });

  it("refuses a path that leaves the folder, as a URL or as a file", () => {
    const text = fc.string({ unit: fc.constantFrom(..."./\\:%2eE \t\nab?#@~-_") });
    fc.assert(
      fc.property(text, (path) => {
        try {
          parseManifest(withPath(path), "config.json");
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          return;
        }
        expect(new URL(path, "https://host/models/a/").href).toBe(`https://host/models/a/${path}`);
      }),
      { numRuns: 1000 },
    );
  });

  it("rejects sizes of files that no model needs", () => {
    const text = JSON.stringify({ ...valid, files: { ...valid.files, step: { ...file("step"), size: 1.9e9 } } });
    expect(() => parseManifest(text, "config.json")).toThrow("files.step.size");
  });

  it("rejects manifests that are too long, nested too deep or not text before walking them", () => {
    const hostile = [
      `${JSON.stringify(valid)}${" ".repeat(2 ** 20)}`,
      `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
      "[".repeat(20_000),
      '{"__proto__":{"format":"air-onnx"}}',
      JSON.stringify(valid).replace('"elbo"', '"__proto__"'),
      Uint8Array.of(0xff, 0xfe),
    ];
    for (const text of hostile) expect(() => parseManifest(text, "config.json")).toThrow(ConfigError);
  });

  it("names only some of the faults if there are very many", () => {
    const metrics = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`m${i}`, "high"]));
    const text = JSON.stringify({ ...valid, metrics });
    expect(() => parseManifest(text, "config.json")).toThrow(/^.{100,2000}\n {2}and 2980 more$/s);
  });

  it("returns a valid manifest or throws a ConfigError, for any input", () => {
    const odd = fc.oneof(
      fc.constantFrom<unknown>(null, [], {}, "", "air-onnx", -1, 0, 0.5, 1, 1e9, 1e308, 2 ** 53, true),
      fc.jsonValue(),
      fc.integer(),
    );
    const places = [
      ...["format", "name", "model", "normalisation", "opset", "weights", "files", "training", "metrics", "other"],
      ...[
        "model.maxSteps",
        "model.imageSize",
        "model.channels",
        "model.prior",
        "model.likelihood",
        "model.convolution",
        "model.lstmInput",
        "model.where",
      ],
      ...["model.convolution.channels", "model.windowSide", "model.whereParameterisation", "model.recurrentInput"],
      ...["model.lstmInput.convolution", "model.lstmInput.type", "model.where.side", "model.zWhatSize"],
      ...["files.step", "files.step.path", "files.step.size", "training.heldOut", "training.seed", "metrics.elbo"],
    ];
    const change = (target: unknown, [name, ...rest]: string[], value: unknown): unknown =>
      name === undefined ? value : { ...Object(target), [name]: change(Object(target)[name], rest, value) };
    let valids = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...places), odd), { maxLength: 3 }), (changes) => {
        const manifest = changes.reduce<unknown>(
          (each, [place, value]) => change(each, place.split("."), value),
          valid,
        );
        try {
          const { model } = parseManifest(JSON.stringify(manifest), "config.json");
          valids++;
          expect(model.maxSteps * model.channels * model.imageSize ** 2).toBeLessThanOrEqual(2 ** 20);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 1000 },
    );
    expect(valids).toBeGreaterThan(50);
  });

  it("has a JSON Schema in which each type has its own settings", () => {
    const { properties } = manifestJsonSchema() as {
      properties: { model: { properties: Record<string, { oneOf: { properties: object; required: string[] }[] }> } };
    };
    const { lstmInput, where } = properties.model.properties;
    const keys = (union: typeof lstmInput) => union!.oneOf.map((member) => Object.keys(member.properties));
    expect(keys(lstmInput)).toEqual([["type", "convolution"], ["type"], ["type", "convolution"]]);
    expect(keys(where)).toEqual([["type"], ["type"], ["type", "side", "spacing", "centre"]]);
    expect(where!.oneOf[2]!.required).toEqual(["type", "side"]);
  });

  it("has a JSON Schema that requires the files", () => {
    const schema = manifestJsonSchema() as { properties: { files: { required: string[] } }; required: string[] };
    expect(schema.required).toContain("files");
    expect(schema.properties.files.required).toEqual(["encoder", "step", "decoder"]);
  });
});
