/** `air-onnx report`: writes a report of a run, or of the runs of a sweep, as one HTML file. */
import { join } from "node:path";
import type { DataPlaces } from "@air-onnx/scenes";
import type { TrainConfig } from "@air-onnx/train/runs";
import { Command, Option } from "commander";
import { addPlaceOptions, dataAccess } from "../dataset-options.js";
import { shellWord } from "../invocation.js";
import { integerFrom } from "../option-values.js";
import { notice, print } from "../output.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";

interface ReportFlags extends DataPlaces {
  readonly out?: string;
  readonly images?: number;
}

export function reportCommand(): Command {
  const command = new Command("report")
    .description(
      "Writes a report of a run as one HTML file that opens without a network: numbers, learning curves, the model's steps on held-out images, and imagined scenes. The report of a folder of runs has their curves over each other. Runs may still be training.",
    )
    .argument("<folder>", "run folder, or a folder with several run folders")
    .option("--out <file>", "HTML file to write (default: report.html in the folder)")
    .addOption(
      new Option("--images <n>", "number of held-out images to measure (default: as many as in training)").argParser(
        integerFrom(1),
      ),
    );
  return addPlaceOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx report runs/multi-strokes-seed0
  $ air-onnx report sweeps/multi-mnist --out sweep.html`,
    )
    .action(async (path: string, { out, images, ...places }: ReportFlags) => {
      using stopping = listenForStop();
      print(`Report: ${await writeRunReport(path, places, stopping.signal, { out, images })}`);
    });
}

/**
 * Writes the report of a run, or of the runs of a folder, and shows progress.
 *
 * @param options `out`: the HTML file, report.html in the folder by default; `images`: number of held-out images to measure
 * @returns the path of the HTML file
 */
export async function writeRunReport(
  path: string,
  { mnistDir, cacheDir }: DataPlaces,
  signal: AbortSignal,
  { out, images }: { readonly out?: string | undefined; readonly images?: number | undefined } = {},
): Promise<string> {
  const { findRuns, runReport, severalRunsReport } = await import("@air-onnx/report");
  const { writeInFolder } = await import("@air-onnx/scenes");
  const { commandWriter } = await import("../train-settings.js");
  const { version } = await import("../version.js");
  const trainCommandOf = await commandWriter();
  const found = findRuns(path);
  using progress = await showProgress({ label: "data" });
  const options = {
    places: dataAccess({ mnistDir, cacheDir }, progress),
    images,
    madeBy: `air-onnx ${version()}`,
    commandFor: (config: TrainConfig, name: string) => `${trainCommandOf(config)} --out runs/${shellWord(name)}`,
    signal,
    onNotice: notice,
  };
  const html =
    found.kind === "run"
      ? await runReport(found.folder, options)
      : await severalRunsReport(path, found.folders, options);
  const file = out ?? join(path, "report.html");
  await writeInFolder(file, html);
  return file;
}
