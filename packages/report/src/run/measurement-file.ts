/** The measurement that `air-onnx eval --out RUN/evaluation` left in a run folder: its numbers, whichever they are, and its worst images. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "@air-onnx/core/json";
import { reasonInWords } from "@air-onnx/scenes";
import type { Markup } from "../html/markup.js";
import {
  confusionTable,
  dataTable,
  disclosure,
  type PageSection,
  pictureFigure,
  sideBySideBlocks,
} from "../html/page.js";
import { knownMeasureTable, unmeasuredRows } from "./measure-table.js";

const FILE = join("evaluation", "evaluation.json");
const WORST_PICTURE = join("evaluation", "worst.png");

/** None if there is no such file; `leaveOut` is told if it cannot be read. */
export async function measurementFileSection(run: string, leaveOut: (line: string) => void): Promise<PageSection[]> {
  let content: unknown;
  try {
    content = parseJson(await readFile(join(run, FILE)), FILE);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
    leaveOut(`The full measurement is left out, as ${FILE} cannot be used: ${reasonInWords(cause)}`);
    return [];
  }
  if (typeof content !== "object" || content === null) {
    leaveOut(`The full measurement is left out, as ${FILE} cannot be used: it holds no JSON object`);
    return [];
  }
  const confusion = matrixOf(content, "confusion");
  const others = unmeasuredRows(content);
  return [
    {
      title: "Full measurement",
      body: [
        sideBySideBlocks([
          knownMeasureTable(`As measured in ${FILE}`, content),
          confusion && confusionTable("Which counts are taken for which: most probable count, images", confusion),
        ]),
        others.length > 0
          ? disclosure(
              "What else it says",
              dataTable({ caption: `The rest of ${FILE}`, head: ["Key", "Value"], rows: others }),
            )
          : undefined,
        await worstPicture(run),
      ],
    },
  ];
}

async function worstPicture(run: string): Promise<Markup | undefined> {
  const file = join(run, WORST_PICTURE);
  if (!existsSync(file)) return undefined;
  return pictureFigure({
    png: await readFile(file),
    alt: "The held-out images that the model explains worst, with what the model makes of them",
    caption: `The worst images of the measurement, ${WORST_PICTURE}`,
  });
}

function matrixOf(content: object, key: string): readonly (readonly number[])[] | undefined {
  const value = (content as Record<string, unknown>)[key];
  const isRows =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((row) => Array.isArray(row) && row.every((each) => typeof each === "number"));
  return isRows ? (value as number[][]) : undefined;
}
