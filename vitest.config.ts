import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const packages = ["core", "tracer", "runtime-node", "runtime-web", "train", "export", "cli"];

export default defineConfig({
  resolve: {
    // Tests run the sources, so that a stale build cannot pass; the packed packages have a test of their own.
    alias: Object.fromEntries(
      packages.map((name) => [
        `@air-onnx/${name}`,
        fileURLToPath(new URL(`packages/${name}/src/index.ts`, import.meta.url)),
      ]),
    ),
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // onnxruntime's native sessions are only safe to tear down with their process.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
