import { expect, it } from "vitest";
import { metricsCsv } from "../../src/run/metrics-csv.js";

it("has a row for each report and a column for each number, also where some reports lack it", () => {
  const csv = metricsCsv([
    { step: 20, kind: "train", elbo: -1.5e-7, loss: 2 },
    { step: 20, kind: "evaluation", elbo: 3, images: 30 },
  ]);
  expect(csv).toBe("step,kind,elbo,loss,images\n20,train,-1.5e-7,2,\n20,evaluation,3,,30\n");
  expect(metricsCsv([])).toBe("step,kind\n");
});
