import { expect, it } from "vitest";
import { requireKnownOptions } from "../src/known-options.js";

const names = { threshold: true, seed: true, batchSize: true } as const;

it("lets known options pass, and names one that may have been meant by another", () => {
  requireKnownOptions("infer", { seed: 1, threshold: undefined }, names);
  const wrong = { treshold: 0.5 };
  expect(() => requireKnownOptions<object>("infer", wrong, names as never)).toThrow(
    "infer has no option treshold. Did you mean threshold?",
  );
  expect(() => requireKnownOptions<object>("infer", { colour: 1 }, names as never)).toThrow(
    "infer has no option colour. There are: batchSize, seed, threshold",
  );
});
