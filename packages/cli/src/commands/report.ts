/** `air-onnx report`: a run, or the runs of a sweep, as one HTML file to look at. */
import { join } from "node:path";
import { Command, Option } from "commander";
import { addPlaceOptions, type DataPlaces } from "../dataset-options.js";
import { integer } from "../option-values.js";
import { notice, print } from "../output.js";
import { listenForStop } from "../stop-signal.js";

interface ReportFlags extends DataPlaces {
  readonly out?: string;
  readonly images?: number;
}

export function reportCommand(): Command {
  const command = new Command("report")
    .summary("write a run, or a sweep, as one HTML file")
    .description(
      "Writes what a run folder holds as one HTML file that opens without a network: figures, learning curves, what the model does step by step, and what it imagines. A folder of runs gets their curves over each other. Training may be going on.",
    )
    .argument("<folder>", "run folder, or folder of several")
    .option("--out <file>", "the HTML file (default: report.html in the folder)")
    .addOption(
      new Option("--images <n>", "held-out images to measure (default: as many as in training)").argParser(integer(1)),
    );
  return addPlaceOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx report runs/multi-strokes-seed0
  $ air-onnx report sweeps/multi-mnist --out sweep.html`,
    )
    .action(async (path: string, flags: ReportFlags) => {
      using stopping = listenForStop();
      const { findRuns } = await import("../report/runs.js");
      const { writeInFolder } = await import("../scene-sheets.js");
      const found = findRuns(path);
      const html =
        found.kind === "run"
          ? await (await import("../report/run-report.js")).runReport(found.folder, flags, stopping.signal, notice)
          : await (await import("../report/several-runs-report.js")).severalRunsReport(path, found.folders, notice);
      const file = flags.out ?? join(path, "report.html");
      await writeInFolder(file, html);
      print(`Report: ${file}`);
    });
}
