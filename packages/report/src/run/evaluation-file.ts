/** What `air-onnx eval --out RUN/evaluation` left in a run folder: its numbers, whichever they are, and its worst images. */
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
import { general, isKnownMeasure, measureRow, measureTable } from "./measures.js";

const FILE = join("evaluation", "evaluation.json");
const WORST_PICTURE = join("evaluation", "worst.png");

/** None if there is no such file; `leaveOut` is told if it cannot be read. */
export async function evaluationFileSection(run: string, leaveOut: (line: string) => void): Promise<PageSection[]> {
  let content: unknown;
  try {
    content = parseJson(await readFile(join(run, FILE)), FILE);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
    leaveOut(`The full evaluation is left out, as ${FILE} cannot be used: ${reasonInWords(cause)}`);
    return [];
  }
  const confusion = matrixOf(content, "confusion");
  const numbers = leaves(content);
  const rows = numbers.flatMap(([name, value]) => (isKnownMeasure(name) ? measureRow(name, value) : []));
  const others = numbers.flatMap(([name, value]) => (isKnownMeasure(name) ? [] : [[name, written(value)]]));
  return [
    {
      title: "Full evaluation",
      body: [
        sideBySideBlocks([
          rows.length > 0 ? measureTable(`Measured by air-onnx eval, ${FILE}`, rows) : undefined,
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
    alt: "The held-out images that the evaluation found worst, with what the model makes of them",
    caption: `The worst images of the evaluation, ${WORST_PICTURE}`,
  });
}

/** Numbers and texts by their dotted place; lists, such as of single images, are left to the file. */
function leaves(value: unknown, path: readonly string[] = []): [name: string, value: number | string | boolean][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
  }
  const isLeaf = typeof value === "number" || typeof value === "string" || typeof value === "boolean";
  return isLeaf ? [[path.join("."), value]] : [];
}

function written(value: number | string | boolean): string {
  return typeof value === "number" ? general(value) : String(value);
}

function matrixOf(content: unknown, key: string): readonly (readonly number[])[] | undefined {
  const value = typeof content === "object" && content !== null ? (content as Record<string, unknown>)[key] : undefined;
  const isRows =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((row) => Array.isArray(row) && row.every((each) => typeof each === "number"));
  return isRows ? (value as number[][]) : undefined;
}
