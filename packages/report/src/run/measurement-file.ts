/** A section on the measurement that `air-onnx eval --out RUN/evaluation` wrote into a run folder: its numbers and worst images. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "@air-onnx/core/json";
import { readWholeFile, reasonInWords } from "@air-onnx/scenes";
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
/** Most bytes of the file that are read; it has some thousand. */
const MAX_BYTES = 2 ** 24;
const WORST_PICTURE = join("evaluation", "worst.png");

/**
 * The section on the measurement; none if there is no file with one.
 *
 * @param leaveOut called with a notice if the file cannot be used
 */
export async function measurementFileSection(run: string, leaveOut: (line: string) => void): Promise<PageSection[]> {
  const file = join(run, FILE);
  if (!existsSync(file)) return [];
  let content: unknown;
  try {
    content = parseJson(await readWholeFile(file, { maxBytes: MAX_BYTES, what: FILE }), FILE);
  } catch (cause) {
    leaveOut(`The full measurement is left out, as ${FILE} cannot be used: ${reasonInWords(cause)}`);
    return [];
  }
  if (typeof content !== "object" || content === null) {
    leaveOut(`The full measurement is left out, as ${FILE} cannot be used: it does not have a JSON object`);
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
          confusion && confusionTable("Confusion matrix: true and most probable counts, images", confusion),
        ]),
        others.length > 0
          ? disclosure(
              "Other fields of the file",
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
    alt: "The held-out images that the model explains worst, with found and true boxes and reconstructions",
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
