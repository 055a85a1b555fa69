/** Scenes that a model imagines: draws from its prior. */

import type { SceneModel } from "@air-onnx/core";
import { contactSheet, encodePng, SHEET } from "@air-onnx/scenes";
import { markup } from "../html/markup.js";
import { type PageSection, pictureFigure } from "../html/page.js";

/** Of each number of objects. */
const SCENES = SHEET.columns;

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
      markup`<p>Drawn from the model's prior, without any image: where and what of each object at random, the number of objects given, as the prior itself draws none most of the time.</p>`,
      pictureFigure({
        png: encodePng(contactSheet(exhibits, model.config)),
        alt: `${exhibits.length} scenes drawn from the prior, ${SCENES} with each of 1 to ${maxSteps} objects`,
        caption: "The number below each scene is that of its objects; the first ones of a column are the same.",
      }),
    ],
  };
}
