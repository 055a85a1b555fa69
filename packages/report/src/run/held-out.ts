/** Sections on a run's newest checkpoint: its evaluation on held-out images, and its steps on some of them. */

import type { SceneModel } from "@air-onnx/core";
import { count, type Evaluation } from "@air-onnx/measure";
import {
  type AttendedScene,
  attendTo,
  attentionSheet,
  encodePng,
  firstImages,
  heldOutChoices,
  loadSplits,
  type SceneSet,
} from "@air-onnx/scenes";
import type { TrainedRun } from "@air-onnx/train";
import { type Markup, markup } from "../html/markup.js";
import { confusionTable, dataTable, type PageSection, pictureFigure, sideBySideBlocks } from "../html/page.js";
import { measureTable } from "./measure-table.js";
import type { ReportOptions } from "./report-options.js";

/** Number of images from which the shown ones are chosen. */
const CANDIDATES = 500;
/** Number of images shown step by step, both with a right and with a wrong count. */
const SHOWN = 6;

/**
 * The sections that need held-out images.
 *
 * @throws {DataError} if the data set cannot be loaded
 * @throws {FileError} if the user's own images cannot be read
 */
export async function heldOutSections(
  { folder, checkpoint, parameters }: TrainedRun,
  model: SceneModel,
  { images: wanted, places, signal }: ReportOptions,
): Promise<PageSection[]> {
  const { config } = folder;
  const { test: scenes } = await loadSplits(config.dataset, ["test"], { ...heldOutChoices(config), ...places, signal });
  // TensorFlow.js, which traces the evaluation's graphs, is loaded only for a report with a checkpoint.
  const { Evaluator } = await import("@air-onnx/train");
  await using evaluator = await Evaluator.create(config.model);
  const evaluation = await evaluator.evaluate(parameters, scenes, {
    images: wanted ?? config.evaluateImages,
    signal,
  });
  const step = count(checkpoint.step);
  const measured: PageSection = {
    title: "Counts",
    body: sideBySideBlocks([
      measureTable(`The checkpoint of step ${step}, evaluated for this report`, evaluation),
      evaluation.confusion
        ? confusionTable(
            `Confusion matrix: true and most probable counts of ${count(evaluation.countedImages ?? 0)} held-out images`,
            evaluation.confusion,
          )
        : foundCountsTable(evaluation),
    ]),
  };

  const isCounted = scenes.counts.length > 0;
  const candidates = firstImages(scenes, isCounted ? Math.min(CANDIDATES, scenes.counts.length) : SHOWN);
  const found = await model.infer(concatenated(candidates), { signal });
  const { right, wrong } = chosen(
    scenes,
    found.map((scene) => scene.count),
  );
  const show = async (indices: readonly number[]): Promise<Markup[]> => {
    const trueCounts = indices.map((index) => scenes.counts[index]);
    const batch = concatenated(indices.map((index) => candidates[index]!));
    const attended = await attendTo(model, batch, { signal }, trueCounts);
    return attended.map((each, i) => attentionFigure(each, indices[i]!, model));
  };
  const mistakes = async (): Promise<PageSection> => ({
    title: "Mistakes",
    body: [
      markup`<p>${count(wrong.all)} of the first ${count(candidates.length)} held-out images get a wrong count at the posterior means${wrong.all > SHOWN ? `; the first ${SHOWN} of them` : ""}.</p>`,
      wrong.shown.length > 0 ? await show(wrong.shown) : undefined,
    ],
  });
  return [
    measured,
    {
      title: "Step by step",
      body: [
        markup`<p>Attend, infer, repeat: each step looks at a window (glimpse), redraws it (patch) and adds the patch to the canvas. p is the probability that the step's object is present, given the objects before it. Grey steps do not count as objects. The residual is orange where the canvas is too dark, and blue where it is too bright.</p>`,
        isCounted && right.length === 0
          ? markup`<p>No count of the first ${count(candidates.length)} is right.</p>`
          : await show(isCounted ? right : [...candidates.keys()]),
      ],
    },
    // Without true counts nobody knows which counts are mistakes.
    ...(isCounted ? [await mistakes()] : []),
  ];
}
/** Chooses images to show: some of those with each right count, and the first ones with a wrong count. */
function chosen(
  { counts }: SceneSet,
  found: readonly number[],
): { readonly right: readonly number[]; readonly wrong: { readonly all: number; readonly shown: readonly number[] } } {
  const indices = found.map((_, index) => index);
  const right = indices.filter((index) => found[index] === counts[index]);
  const wrong = indices.filter((index) => found[index] !== counts[index]);
  const kinds = [...new Set(right.map((index) => counts[index]!))].sort((a, b) => a - b);
  // An empty image has little to show.
  const each = Math.ceil(SHOWN / Math.max(1, kinds.filter((kind) => kind > 0).length));
  const shown = kinds.flatMap((kind) =>
    right.filter((index) => counts[index] === kind).slice(0, kind === 0 ? 1 : each),
  );
  return { right: shown.slice(0, SHOWN + 1), wrong: { all: wrong.length, shown: wrong.slice(0, SHOWN) } };
}

/** How many images got which count, where no true count is known. */
function foundCountsTable({ foundCounts, images }: Evaluation): Markup {
  return dataTable({
    caption: `Most probable counts of ${count(images)} held-out images. How many are right is not measured: no true count is known.`,
    head: ["Count", "Images"],
    rows: foundCounts.map((found, n) => [String(n), count(found)]),
  });
}

function attentionFigure(attended: AttendedScene, index: number, { config }: SceneModel): Markup {
  const { count: found, trueCount, steps } = attended;
  const there = trueCount === undefined ? "" : `${trueCount} there, `;
  const presence = steps.map((step) => step.presence.toFixed(2)).join(", ");
  return pictureFigure({
    png: encodePng(attentionSheet([attended], { ...config, scale: 3 })),
    alt: `Held-out image ${index} step by step: ${trueCount === undefined ? "" : `${trueCount} objects there, `}${found} found; probability of presence ${presence}`,
    caption: `Image ${index}: ${there}${found} found`,
  });
}

function concatenated(images: readonly Float32Array[]): Float32Array {
  const length = images[0]?.length ?? 0;
  const batch = new Float32Array(images.length * length);
  images.forEach((image, i) => {
    batch.set(image, i * length);
  });
  return batch;
}
