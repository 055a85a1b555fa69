import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Manifest, parseManifest } from "@air-onnx/core";
import { measures } from "@air-onnx/measure/measures";
import { describe, expect, it } from "vitest";
import { modelCard } from "../src/model-card.js";

const models = fileURLToPath(new URL("../../../models", import.meta.url));
const names = readdirSync(models, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const manifestOf = (name: string): Manifest => {
  const path = `${models}/${name}/config.json`;
  return parseManifest(readFileSync(path, "utf8"), path);
};

/** Second cells of the card's table of results, by the text of the first. */
function results(manifest: Manifest): Record<string, string> {
  const table = modelCard(manifest, {}).split("## Results")[1]!.split("## Training")[0]!;
  const rows = table.split("\n").filter((line) => line.startsWith("|"));
  return Object.fromEntries(
    rows.slice(2).map((row) =>
      row
        .slice(2, -2)
        .split(" | ")
        .map((cell) => cell.trim()),
    ),
  );
}

describe("a model's card", () => {
  it.each(names)("has every number in the manifest of %s, under the label of its measure", (name) => {
    const manifest = manifestOf(name);
    const shown = results(manifest);
    expect(Object.keys(shown)).toHaveLength(Object.keys(manifest.metrics).length);
    for (const key of Object.keys(manifest.metrics)) expect(shown).not.toHaveProperty(key);
    const { countAccuracyMap, elbo, boxMeanIou } = manifest.metrics;
    expect(shown).toMatchObject({
      "Held-out images": manifest.metrics.images!.toLocaleString("en"),
      "Count accuracy, most probable count": `${(100 * countAccuracyMap!).toFixed(2)} %`,
      ELBO: `${elbo!.toFixed(2)} nats`,
      "Mean IoU, 0 for a box without a match": boxMeanIou!.toFixed(3),
    });
  });

  it("has every measure that a manifest can have", () => {
    const shipped = measures.filter(({ manifestKey }) => manifestKey !== undefined);
    const metrics = Object.fromEntries(shipped.map(({ manifestKey }) => [manifestKey!, 0.5]));
    const shown = results({ ...manifestOf(names[0]!), metrics });
    expect(Object.keys(shown)).toEqual(shipped.map(({ label }) => label));
  });

  it("shows numbers that are not in the table of measures under their own names", () => {
    const shown = results({ ...manifestOf(names[0]!), metrics: { ownRate: 1234.5678, elbo: -1 } });
    expect(Object.entries(shown)).toEqual([
      ["ELBO", "-1.00 nats"],
      ["ownRate", "1,234.57"],
    ]);
  });

  it("says which objects and ground the model takes", () => {
    const manifest = manifestOf(names[0]!);
    expect(modelCard(manifest, {})).toContain("with bright objects on black.");
    const preprocessing = {
      backgroundDegree: 2,
      polarity: ["dark" as const],
      contrast: [0.2, 0.5] as [number, number],
      noise: 2,
    };
    expect(modelCard({ ...manifest, preprocessing }, {})).toContain(
      "with dark objects on a smooth ground, which it takes away",
    );
  });

  it("says what the model calls typical, or that it cannot tell", () => {
    const { typicality: _, ...manifest } = manifestOf(names[0]!);
    expect(modelCard(manifest, {})).toContain("This model cannot tell images that are unlike its training data");
    const limits = { unexplained: 59.456, thickness: 2.6 };
    const card = modelCard({ ...manifest, typicality: { images: 1234, falseAlarms: 0.01, limits } }, {});
    expect(card).toContain("59.456 of unexplained intensity");
    expect(card.replaceAll("\n", " ")).toContain("fitted to 1,234 held-out images, of which at most 1 % exceed one");
    expect(card).not.toContain("cannot tell images");
  });
});
