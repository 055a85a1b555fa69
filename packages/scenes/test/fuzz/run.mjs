/**
 * Reads damaged files for as long as is wanted: `npm run fuzz -w packages/scenes -- [inputs of each reader] [seed]`. Without a
 * seed it takes a new one and says which. A failure names its seed and the smallest input that fails.
 */
import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";

const [runs = "100000", seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
if (![runs, seed].every((text) => /^\d+$/.test(text))) {
  console.error("Usage: npm run fuzz -w packages/scenes -- [inputs of each reader] [seed]");
  process.exit(2);
}
Object.assign(process.env, { AIR_ONNX_FUZZ_RUNS: runs, AIR_ONNX_FUZZ_SEED: seed });
const root = fileURLToPath(new URL("../../../../", import.meta.url));
const vitest = await startVitest("test", ["packages/scenes/test/fuzz"], {
  root,
  config: `${root}vitest.config.ts`,
  watch: false,
});
await vitest.close();
