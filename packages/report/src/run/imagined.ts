/** A section of scenes that a model imagines, drawn from its prior. */

import type { SceneModel } from "@air-onnx/core";
import { contactSheet, encodePng, SHEET } from "@air-onnx/scenes";
import { markup } from "../html/markup.js";
import { type PageSection, pictureFigure } from "../html/page.js";

/** Number of scenes with each number of objects. */
const SCENES = SHEET.columns;

/** The section with imagined scenes of 1 to `maxSteps` objects. */
export async function imaginedSection(
  model: Pick<SceneModel, "config" | "sample">,
  signal: AbortSignal | undefined,
): Promise<PageSection> {
  const { maxSteps } = model.config;
  const exhibits = [];
  for (let objects = 1; objects <= maxSteps; objects++) {
    for (const { reconstruction } of await model.sample(SCENES, { count: objects, signal })) {
      exhibits.push({ image: reconstruction, boxes: [], label: String(objects) });
    }
  }
  return {
    title: "Imagined scenes",
    body: [
      markup`<p>Drawn from the model's prior, without any image. The where and what of each object are random. The number of objects is given, because the prior mostly draws none.</p>`,
      pictureFigure({
        png: encodePng(contactSheet(exhibits, model.config)),
        alt: `${exhibits.length} scenes drawn from the prior, ${SCENES} with each of 1 to ${maxSteps} objects`,
        caption: "The number below each scene is its number of objects. Scenes in a column share their first objects.",
      }),
    ],
  };
}
