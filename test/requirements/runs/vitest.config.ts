/** Configuration of the runs that reporter.test.ts makes of the files in this folder. */
import { defineConfig } from "vitest/config";
import { SkippedTestsReporter } from "../reporter.js";

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.ts"],
    exclude: ["vitest.config.ts", "table.ts"],
    cache: false,
    reporters: ["default", new SkippedTestsReporter()],
  },
});
