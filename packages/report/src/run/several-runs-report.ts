/** The report of several runs, such as the seeds of a sweep: the results of each, and their curves over each other. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { columnHead, count, duration, headlineMeasuresOf, measured, writtenInColumn } from "@air-onnx/measure";
import { describeConfigDifference, type RunFolder } from "@air-onnx/train/runs";
import { type Markup, markup } from "../html/markup.js";
import { chartFigures, dataTable, disclosure, htmlPage, type PageSection, pictureFigure } from "../html/page.js";
import { configurationSection } from "./configuration.js";
import { learningCurves } from "./learning-curves.js";
import type { ReportOptions } from "./report-options.js";
import { footer } from "./run-report.js";
import { type RunState, readRunState } from "./runs.js";

interface Run {
  readonly name: string;
  readonly folder: RunFolder;
  readonly state: RunState;
}

/**
 * Writes the report of several runs as one HTML file.
 *
 * @param path the folder that the runs are in, for titles
 * @param folders the runs, at least one
 */
export async function severalRunsReport(
  path: string,
  folders: readonly RunFolder[],
  { onNotice, madeBy, commandFor }: ReportOptions,
): Promise<string> {
  const notices: string[] = [];
  const runs: Run[] = [];
  for (const folder of folders) {
    const name = basename(folder.path);
    const state = await readRunState(folder, (line) => {
      notices.push(line);
      onNotice(line);
    });
    if (!state.isFinished) notices.push(`${name} is ${state.inWords}.`);
    runs.push({ name, folder, state });
  }
  const charts = learningCurves(runs.map(({ name, state }) => ({ name, records: state.records })));
  const first = folders[0]!.config;
  const finished = runs.filter(({ state }) => state.isFinished).length;
  return htmlPage({
    title: `AIR runs in ${basename(resolve(path))}`,
    lead: `Attend-Infer-Repeat on ${[...new Set(folders.map(({ config }) => config.dataset))].join(", ")}: ${runs.length} runs, ${finished} of them finished.`,
    notices,
    sections: [
      { title: "Results", body: resultTable(runs) },
      {
        title: "Learning curves",
        body: charts.length > 0 ? chartFigures(charts) : markup`<p>Nothing has been reported yet.</p>`,
      },
      await pictures(runs),
      { title: "Differences", body: differences(runs) },
      configurationSection(first, commandFor(first, `${basename(resolve(path))}/${runs[0]!.name}`)),
    ],
    footer: footer(madeBy),
  });
}

/** A table of the last evaluation of every run, finished or not, with mean ± standard deviation over those that have one. */
function resultTable(runs: readonly Run[]): Markup {
  const shown = headlineMeasuresOf(runs.map(({ state }) => state.lastEvaluation));
  const rows = runs.map(({ name, folder, state: { step, isFinished, lastEvaluation, seconds } }) => [
    name,
    String(folder.config.seed),
    isFinished ? count(step) : `${count(step)} of ${count(folder.config.steps)}, unfinished`,
    ...shown.map((measure) => {
      const value = measured(lastEvaluation, measure);
      return typeof value === "number" ? writtenInColumn(measure, value) : "–";
    }),
    seconds === undefined ? "–" : duration(seconds),
  ]);
  const evaluated = runs.filter(({ state }) => state.lastEvaluation !== undefined);
  const spread = shown.map((measure) => {
    const values = evaluated.flatMap(({ state }) => measured(state.lastEvaluation, measure) ?? []);
    // A mean over only some of the evaluated runs would be taken for the mean over all of them.
    if (values.length < 2 || values.length < evaluated.length) return "–";
    return [mean(values), deviation(values)].map((value) => writtenInColumn(measure, value)).join(" ± ");
  });
  const all = evaluated.length === runs.length ? `all ${runs.length}` : `the ${evaluated.length} evaluated`;
  return dataTable({
    caption: `Held-out images, last evaluation of each run; ± is the sample standard deviation over ${all} runs`,
    head: ["Run", "Seed", "Steps", ...shown.map(columnHead), "Time in training steps"],
    rows: [...rows, ["Mean", "", "", ...spread, ""]],
  });
}

async function pictures(runs: readonly Run[]): Promise<PageSection> {
  const figures: Markup[] = [];
  for (const { name, folder, state } of runs) {
    const step = state.lastEvaluation?.step;
    if (step === undefined || !existsSync(folder.pictureFile(step))) continue;
    const figure = pictureFigure({
      png: await readFile(folder.pictureFile(step)),
      alt: `${name}: held-out images above what the model redraws, with a box around each object it found, at step ${step}`,
    });
    figures.push(disclosure(`${name}, step ${count(step)}`, figure));
  }
  return {
    title: "Reconstructions",
    body: figures.length > 0 ? figures : markup`<p>No run has been evaluated yet.</p>`,
  };
}

function differences(runs: readonly Run[]): Markup {
  const [first, ...others] = runs as [Run, ...Run[]];
  const rows = others.map(({ name, folder }) => [
    name,
    describeConfigDifference(first.folder.config, folder.config).join("; ") || "none",
  ]);
  if (rows.length === 0) return markup`<p>There is only one run.</p>`;
  return dataTable({ caption: `Settings that differ from those of ${first.name}`, head: ["Run", "Settings"], rows });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation of a sample, with n − 1 in the denominator. */
function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
