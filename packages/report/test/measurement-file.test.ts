import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureModel } from "@air-onnx/measure";
import { measureRows } from "@air-onnx/measure/measures";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { box, fakeModel, scenesOf } from "../../measure/test/fake-model.js";
import { markup } from "../src/html/markup.js";
import { measureTable } from "../src/run/measure-table.js";
import { measurementFileSection } from "../src/run/measurement-file.js";

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "air-onnx-measurement-"));
  await mkdir(join(run, "evaluation"));
});
afterEach(() => rm(run, { recursive: true }));

async function sectionOf(text: string): Promise<{ html: string; leftOut: string[] }> {
  await writeFile(join(run, "evaluation", "evaluation.json"), text);
  const leftOut: string[] = [];
  const sections = await measurementFileSection(run, (line) => void leftOut.push(line));
  return { html: sections.map(({ body }) => markup`${body}`.source).join(""), leftOut };
}

const rowOf = (label: string, text: string): string => markup`<th scope="row">${label}</th><td>${text}</td>`.source;

describe("the measurement that a run folder holds", () => {
  it("is shown with every measure by its name", async () => {
    const cases = [{ truth: [box(0, 0)], found: [box(0, 0)], elbo: -12.5 }];
    const measurement = await measureModel(fakeModel(cases), scenesOf(cases), { importanceSamples: 10 });
    const { html, leftOut } = await sectionOf(JSON.stringify({ ...measurement, split: "fresh" }));
    expect(leftOut).toEqual([]);
    for (const { measure, text } of measureRows(measurement)) expect(html).toContain(rowOf(measure.label, text));
    expect(html).toContain(rowOf("split", "fresh"));
  });

  it("is shown unformatted where the value of a measure is not a number", async () => {
    const { html } = await sectionOf('{"elbo": "<unknown>", "klWhat": 2, "boxes": {"recall": null}}');
    expect(html).toContain(rowOf("elbo", "<unknown>"));
    expect(html).toContain(rowOf("KL of what", "2.00 nats"));
    expect(html).toContain(rowOf("Recall of boxes at IoU 0.5", "none"));
  });

  it.each(["3", "null", '"text"', "{"])("is left out with a reason if it is %s", async (text) => {
    const { html, leftOut } = await sectionOf(text);
    expect(html).toBe("");
    expect(leftOut).toEqual([expect.stringContaining("The full measurement is left out, as evaluation")]);
  });
});

it("a record of a log is shown with measures first, then other numbers, without its step and kind", () => {
  const record = { step: 20, kind: "evaluation", trainingSeconds: 3, ownRate: 0.123456789, elbo: 615.2 };
  const { source } = measureTable("caption", record);
  expect(source.match(/<th scope="row">.*?<\/td>/g)).toEqual([
    rowOf("ELBO", "615.20 nats"),
    rowOf("ownRate", "0.123457"),
  ]);
});
