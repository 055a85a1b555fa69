import { measureModel } from "@air-onnx/measure";
import { headlineMeasures, measureRows } from "@air-onnx/measure/measures";
import { expect, it } from "vitest";
import { box, fakeModel, scenesOf } from "../../measure/test/fake-model.js";
import { evaluationLines, measurementLines } from "../src/measurement-table.js";

const cases = [
  { truth: [box(0, 0)], found: [box(0, 0)], elbo: -12.5 },
  { truth: [], found: [box(5, 5)], elbo: 3 },
];

it("a measurement is printed with every measure, and with the groups that were not measured", async () => {
  const measurement = await measureModel(fakeModel(cases), scenesOf(cases), { importanceSamples: 10 });
  const lines = measurementLines(measurement).split("\n");
  for (const { measure, text } of measureRows(measurement)) {
    expect(lines.map((line) => line.trim().split(/ {2,}/))).toContainEqual([measure.label, text]);
  }
  expect(lines[0]).toMatch(/^MAP count accuracy 50\.00 %, .* on 2 held-out images$/);
  const { importanceWeighted: _, boxes: __, ...less } = measurement;
  expect(measurementLines(less)).toMatch(/mean per image +not measured \(--iwae 100\)\nBoxes +not measured/);
});

it("an evaluation is printed with every headline measure and the confusion matrix", async () => {
  const measurement = await measureModel(fakeModel(cases), scenesOf(cases));
  const [line, head, ...rows] = evaluationLines(measurement).split("\n");
  for (const { short } of headlineMeasures) expect(line).toContain(`${short} `);
  expect(head!.split(/ {2,}/)).toEqual(["true count", "found 0", "found 1", "found 2"]);
  expect(rows.map((row) => row.trim().split(/ +/).map(Number))).toEqual([
    [0, 0, 1, 0],
    [1, 0, 1, 0],
  ]);
});
