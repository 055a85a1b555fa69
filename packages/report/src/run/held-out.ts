/** What a run's newest checkpoint makes of held-out images: how often it counts right, and how it looks at some of them. */

import type { SceneModel } from "@air-onnx/core";
import { count } from "@air-onnx/measure";
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
import { confusionTable, type PageSection, pictureFigure, sideBySideBlocks } from "../html/page.js";
import { measureTable } from "./measure-table.js";
import type { ReportOptions } from "./report-options.js";

/** Images among which those that are shown are looked for. */
const CANDIDATES = 500;
/** Images shown step by step, of those with a right and of those with a wrong count. */
const SHOWN = 6;

/**
 * @throws {DataError} if the data set cannot be had
 * @throws {FileError} if the user's own images cannot be read
 */
export async function heldOutSections(
  { folder, checkpoint, parameters }: TrainedRun,
  model: SceneModel,
  { images: wanted, places, signal }: ReportOptions,
): Promise<PageSection[]> {
  const { config } = folder;
  const { test: scenes } = await loadSplits(config.dataset, ["test"], { ...heldOutChoices(config), ...places, signal });
  // Tracing what evaluates a checkpoint takes TensorFlow.js, which a report without a checkpoint need not wait for.
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
      confusionTable(
        `Which counts it takes for which: most probable count, ${count(evaluation.images)} held-out images`,
        evaluation.confusion,
      ),
    ]),
  };

  const candidates = firstImages(scenes, CANDIDATES);
  const found = await model.infer(concatenated(candidates), { signal });
  const { right, wrong } = chosen(
    scenes,
    found.map((scene) => scene.count),
  );
  const show = async (indices: readonly number[]): Promise<Markup[]> => {
    const trueCounts = indices.map((index) => scenes.counts[index]!);
    const batch = concatenated(indices.map((index) => candidates[index]!));
    const attended = await attendTo(model, batch, { signal }, trueCounts);
    return attended.map((each, i) => attentionFigure(each, indices[i]!, model));
  };
  return [
    measured,
    {
      title: "Step by step",
      body: [
        markup`<p>Attend, infer, repeat: each step looks at a window (glimpse), redraws it (patch) and writes it onto the canvas. p is the probability that its object is there, given those before it. Steps in grey do not count as objects. Residual: orange is what the canvas lacks, blue what it has too much.</p>`,
        right.length > 0
          ? await show(right)
          : markup`<p>No count of the first ${count(candidates.length)} is right.</p>`,
      ],
    },
    {
      title: "Mistakes",
      body: [
        markup`<p>${count(wrong.all)} of the first ${count(candidates.length)} held-out images get a wrong count from the posterior's means${wrong.all > SHOWN ? `; the first ${SHOWN} of them` : ""}.</p>`,
        wrong.shown.length > 0 ? await show(wrong.shown) : undefined,
      ],
    },
  ];
}

/** Of the images that are counted right, some with each count; and the first that are not. */
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

function attentionFigure(attended: AttendedScene, index: number, { config }: SceneModel): Markup {
  const { count: found, trueCount = found, steps } = attended;
  const presence = steps.map((step) => step.presence.toFixed(2)).join(", ");
  return pictureFigure({
    png: encodePng(attentionSheet([attended], { ...config, scale: 3 })),
    alt: `Held-out image ${index} step by step: ${trueCount} objects there, ${found} found; probability of presence ${presence}`,
    caption: `Image ${index}: ${trueCount} there, ${found} found`,
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
