import { afterEach, describe, expect, it } from "vitest";
import { configure, resolveSettings } from "../src/settings.js";

const page = "https://example.org/app/index.html";
Object.assign(globalThis, { location: { href: page } });

afterEach(() => {
  configure({ wasmPaths: undefined, threads: undefined });
  Object.assign(globalThis, { crossOriginIsolated: undefined });
});

describe("where onnxruntime's files are", () => {
  it("is left to the bundle by default", () => {
    expect(resolveSettings({})).toEqual({ wasmPaths: undefined, threads: 1 });
  });

  it("is a folder of the page, with or without the last slash", () => {
    expect(resolveSettings({ wasmPaths: "ort" }).wasmPaths).toBe("https://example.org/app/ort/");
    expect(resolveSettings({ wasmPaths: "/ort/" }).wasmPaths).toBe("https://example.org/ort/");
    expect(resolveSettings({ wasmPaths: new URL("ort/", page) }).wasmPaths).toBe("https://example.org/app/ort/");
  });

  it("may be given file by file", () => {
    const wasmPaths = { wasm: "a.wasm", mjs: "/b.mjs" };
    expect(resolveSettings({ wasmPaths }).wasmPaths).toEqual({
      wasm: "https://example.org/app/a.wasm",
      mjs: "https://example.org/b.mjs",
    });
    expect(resolveSettings({ wasmPaths: { wasm: "a.wasm" } }).wasmPaths).toEqual({
      wasm: "https://example.org/app/a.wasm",
    });
  });

  it("may be set for all models", () => {
    configure({ wasmPaths: "/ort/" });
    expect(resolveSettings({}).wasmPaths).toBe("https://example.org/ort/");
    expect(resolveSettings({ wasmPaths: "/other/" }).wasmPaths).toBe("https://example.org/other/");
  });
});

describe("threads", () => {
  it("are as many as requested in an isolated page", () => {
    Object.assign(globalThis, { crossOriginIsolated: true });
    const notices: string[] = [];
    expect(resolveSettings({ wasmPaths: "/ort/", threads: 3 }, (line) => notices.push(line)).threads).toBe(3);
    expect(notices).toEqual([]);
  });

  it("are one elsewhere, which is reported", () => {
    const notices: string[] = [];
    expect(resolveSettings({ wasmPaths: "/ort/", threads: 3 }, (line) => notices.push(line)).threads).toBe(1);
    expect(notices).toEqual([expect.stringContaining("cross-origin isolated")]);
  });

  it("need wasmPaths", () => {
    expect(() => resolveSettings({ threads: 2 })).toThrow(/wasmPaths/);
    expect(() => configure({ threads: 2 })).toThrow(RangeError);
  });

  it.each([0, -1, 1.5, Number.NaN])("are not %s", (threads) => {
    expect(() => resolveSettings({ threads, wasmPaths: "/ort/" })).toThrow(RangeError);
  });
});
