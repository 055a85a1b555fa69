import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { SkippedTestsReporter } from "./test/requirements/reporter.js";

const { workspaces } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as {
  workspaces: string[];
};
const packages = workspaces.flatMap((folder) =>
  folder.startsWith("packages/") ? [folder.slice("packages/".length)] : [],
);

const source = (path: string): string => fileURLToPath(new URL("packages/", import.meta.url)) + path;

const all = ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"];
/** Tests in whose process the tests of other files may have run, with the same modules. */
const sharing = ["core", "scenes", "measure", "tracer", "trainer", "train", "export", "report"].map(
  (name) => `packages/${name}/test/**/*.test.ts`,
);
/** Those among them that replace modules, or functions of node:fs. */
const replacing = [
  "packages/train/test/run/lock-race.test.ts",
  "packages/*/test/**/faults.test.ts",
  "packages/export/test/export.test.ts",
  "packages/scenes/test/files/{image-folder-large,picture}.test.ts",
];

export default defineConfig({
  resolve: {
    // Tests run the sources, so that a stale build cannot pass; the packed packages have a test of their own.
    alias: [
      ...packages.flatMap((name) => [
        { find: new RegExp(`^@air-onnx/${name}$`), replacement: source(`${name}/src/index.ts`) },
        { find: new RegExp(`^@air-onnx/${name}/(.+)$`), replacement: source(`${name}/src/$1.ts`) },
      ]),
      { find: "@air-onnx/test/requirements", replacement: source("../test/requirements/index.ts") },
      { find: "@air-onnx/test/faults", replacement: source("../test/faults/file-faults.mjs") },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        // Loading TensorFlow.js and onnxruntime anew for each file takes longer than many of these tests.
        test: { name: "shared modules", include: sharing, exclude: replacing, isolate: false },
      },
      { extends: true, test: { name: "own modules", include: all, exclude: sharing, isolate: true } },
      { extends: true, test: { name: "replaced modules", include: replacing, isolate: true } },
    ],
    // onnxruntime's native sessions are only safe to tear down with their process.
    pool: "forks",
    // One more than the cores of a small machine: many tests wait for a browser or another process. 368 s instead of 411 on two cores.
    maxWorkers: 3,
    // Some tests load onnxruntime by themselves; see packages/runtime-node/src/telemetry.ts.
    env: { ORT_DISABLE_TELEMETRY: "1" },
    testTimeout: 60_000,
    // A busy machine takes longer than vitest's second to paint a page.
    expect: { poll: { timeout: 20_000 } },
    reporters: [
      "default",
      ...(process.env.GITHUB_ACTIONS === "true" ? ["github-actions"] : []),
      new SkippedTestsReporter(),
    ],
    coverage: {
      provider: "v8",
      // Files that no test loads count, too. A lowering's cases are tests.
      include: ["packages/*/src/**/*.ts"],
      exclude: ["**/*.cases.ts"],
      reporter: ["text-summary", "html", "json-summary"],
    },
  },
});
