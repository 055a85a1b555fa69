import { describe, expect, it } from "vitest";
import { ConfigError } from "../src/config.js";
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
  it("reads a manifest and fills the model's defaults", () => {
    const manifest = parseManifest(JSON.stringify(valid), "config.json");
    expect(manifest.name).toBe("tiny");
    expect(manifest.model.imageSize).toBe(50);
    expect(manifest.files.step.path).toBe("onnx/step.onnx");
  });

  it("reads which images the metrics are of, where that is known", () => {
    expect(parseManifest(JSON.stringify(valid), "config.json").training.heldOut).toBeUndefined();
    const heldOut = { testSize: 60, seed: 0, maxCount: 2, imageSize: 50 };
    const text = JSON.stringify({ ...valid, training: { ...valid.training, heldOut } });
    expect(parseManifest(text, "config.json").training.heldOut).toEqual(heldOut);
  });

  it("says that text is not JSON, and of which file", () => {
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
  ])("names what is wrong with %j", (change, named) => {
    const text = JSON.stringify({ ...valid, ...change });
    expect(() => parseManifest(text, "config.json")).toThrow(ConfigError);
    expect(() => parseManifest(text, "config.json")).toThrow(named);
  });

  it.each(["/etc/passwd", "../up.onnx", "onnx/../../up.onnx", "onnx\\step.onnx", ".."])(
    "rejects the file path %s, which leaves the folder or is not portable",
    (path) => {
      const text = JSON.stringify({ ...valid, files: { ...valid.files, step: { ...file("step"), path } } });
      expect(() => parseManifest(text, "config.json")).toThrow("files.step.path");
    },
  );

  it("has a JSON Schema that requires the files", () => {
    const schema = manifestJsonSchema() as { properties: { files: { required: string[] } }; required: string[] };
    expect(schema.required).toContain("files");
    expect(schema.properties.files.required).toEqual(["encoder", "step", "decoder"]);
  });
});
