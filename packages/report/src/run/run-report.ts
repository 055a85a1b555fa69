/** The report of one run: its numbers, curves and pictures, and the command that trains it again. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { columnHead, count, duration, headlineMeasuresOf, measured, writtenInColumn } from "@air-onnx/measure";
import { DataError, FileError } from "@air-onnx/scenes";
import type { TrainedRun } from "@air-onnx/train";
import { CheckpointError, checkpointSteps, type RunFolder } from "@air-onnx/train/runs";
import { type Insert, markup } from "../html/markup.js";
import {
  chartFigures,
  dataTable,
  disclosure,
  htmlPage,
  type PageSection,
  pictureFigure,
  sideBySideBlocks,
} from "../html/page.js";
import { configurationSection } from "./configuration.js";
import { heldOutSections } from "./held-out.js";
import { imaginedSection } from "./imagined.js";
import { learningCurves } from "./learning-curves.js";
import { measureTable } from "./measure-table.js";
import { measurementFileSection } from "./measurement-file.js";
import type { ReportOptions } from "./report-options.js";
import { type RunState, readRunState } from "./runs.js";

/**
 * Writes the report of the run in `folder` as one HTML file. Sections whose data cannot be loaded are left out with a notice.
 *
 * @throws the signal's reason when aborted
 */
export async function runReport(folder: RunFolder, options: ReportOptions): Promise<string> {
  const { signal, onNotice, madeBy, commandFor } = options;
  const notices: string[] = [];
  const leaveOut = (line: string): void => {
    notices.push(line);
    onNotice(line);
  };
  const state = await readRunState(folder, leaveOut);
  if (!state.isFinished) notices.push(`This run is ${state.inWords}.`);
  notices.push(...alertNotices(state));
  const run = await trainedRun(folder, leaveOut);
  const sections: PageSection[] = [...resultSections(state), ...curveSections(folder, state)];
  sections.push(...(await measurementFileSection(folder.path, leaveOut)));
  sections.push(...(await evaluationPicture(folder, state, leaveOut)));
  if (run) {
    const { openCheckpoint } = await import("@air-onnx/export");
    await using model = await openCheckpoint(run);
    try {
      sections.push(...(await heldOutSections(run, model, options)));
    } catch (cause) {
      if (!(cause instanceof DataError) && !(cause instanceof FileError)) throw cause;
      leaveOut(
        `The sections on held-out images (counts, step by step, mistakes) are left out, as data set ${folder.config.dataset} cannot be loaded: ${cause.message}`,
      );
    }
    sections.push(await imaginedSection(model, signal));
  }
  sections.push(configurationSection(folder.config, commandFor(folder.config, basename(resolve(folder.path)))));
  const { config } = folder;
  return htmlPage({
    title: `AIR run ${basename(resolve(folder.path))}`,
    lead: `Attend-Infer-Repeat on ${config.dataset}, estimator ${config.estimator}, seed ${config.seed}: ${state.inWords}.`,
    notices,
    sections,
    footer: footer(madeBy),
  });
}

/** The last alert of each kind, with the steps of all of that kind. */
function alertNotices({ alerts }: RunState): string[] {
  return [...new Set(alerts.map(({ alert }) => alert))].map((kind) => {
    const same = alerts.filter(({ alert }) => alert === kind);
    const last = same.at(-1)!;
    const since = same.length > 1 ? ` (the last of ${same.length} evaluations that show it)` : "";
    return `Alert at step ${count(last.step)}${since}: ${last.message}`;
  });
}

/** The footer: when and by which program the report was made. */
export function footer(madeBy: string): Insert {
  const now = new Date();
  return markup`Made <time datetime="${now.toISOString()}">${now.toISOString().slice(0, 16).replace("T", " ")} UTC</time> by ${madeBy}.`;
}

/** Opens the run's newest checkpoint; undefined, with a notice, if there is none that can be used. */
async function trainedRun(folder: RunFolder, leaveOut: (line: string) => void): Promise<TrainedRun | undefined> {
  const consequence =
    "the sections that need a trained model (counts, step by step, mistakes, imagined scenes) are left out";
  try {
    if ((await checkpointSteps(folder)).length === 0) {
      leaveOut(`The run has no checkpoint yet: ${consequence}`);
      return undefined;
    }
    // This loads TensorFlow.js, which traces the graphs that a checkpoint is measured by.
    const { openTrainedRun } = await import("@air-onnx/train");
    return await openTrainedRun(folder.path, leaveOut);
  } catch (cause) {
    if (!(cause instanceof CheckpointError) && !(cause instanceof FileError)) throw cause;
    leaveOut(`The run's checkpoint cannot be used: ${consequence}. ${cause.message}`);
  }
  return undefined;
}

function resultSections({ step, lastEvaluation, seconds }: RunState): PageSection[] {
  const rows: [string, string][] = [["Steps", count(step)]];
  if (seconds !== undefined && step > 0) {
    rows.push(["Time in training steps", duration(seconds)]);
    rows.push(["Time per step", `${((1000 * seconds) / step).toFixed(1)} ms`]);
  }
  const body = [
    lastEvaluation
      ? measureTable(`Held-out images, last evaluation of training: step ${count(lastEvaluation.step)}`, lastEvaluation)
      : markup`<p>Nothing has been evaluated yet.</p>`,
    dataTable({ caption: "Training", head: ["", "Value"], rows }),
  ];
  return [{ title: "Results", body: sideBySideBlocks(body) }];
}

function curveSections({ path }: RunFolder, { records }: RunState): PageSection[] {
  const charts = learningCurves([{ name: basename(resolve(path)), records }]);
  if (charts.length === 0) return [{ title: "Learning curves", body: markup`<p>Nothing has been reported yet.</p>` }];
  const evaluations = records.filter(({ kind }) => kind === "evaluation");
  const shown = headlineMeasuresOf(evaluations);
  const numbers = dataTable({
    caption: "Evaluations on held-out images",
    head: ["Step", ...shown.map(columnHead)],
    rows: evaluations.map((record) => [
      count(record.step),
      ...shown.map((measure) => {
        const value = measured(record, measure);
        return typeof value === "number" ? writtenInColumn(measure, value) : "–";
      }),
    ]),
  });
  return [
    {
      title: "Learning curves",
      body: [
        markup`<p>Faint curves are as reported; full curves are smoothed, or evaluations. Values that are far off, such as those of the first steps, lie outside the plots.</p>`,
        chartFigures(charts),
        evaluations.length > 0 ? disclosure("The evaluations as numbers", numbers) : undefined,
      ],
    },
  ];
}

/** The picture that training drew at its last evaluation. */
async function evaluationPicture(
  folder: RunFolder,
  { lastEvaluation }: RunState,
  leaveOut: (line: string) => void,
): Promise<PageSection[]> {
  if (!lastEvaluation) return [];
  const file = folder.pictureFile(lastEvaluation.step);
  if (!existsSync(file)) {
    leaveOut(`The picture of the last evaluation does not exist: ${join("pictures", basename(file))}`);
    return [];
  }
  const figure = pictureFigure({
    png: await readFile(file),
    alt: `Held-out images above what the model redraws, with a box around each object it found, at step ${lastEvaluation.step}`,
    caption:
      "Above, each image with the windows of the objects found; below, the reconstruction and the count. Counts that are known to be wrong are red.",
  });
  return [{ title: `Reconstructions at step ${count(lastEvaluation.step)}`, body: figure }];
}
