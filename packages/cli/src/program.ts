/**
 * All commands as one program. Nothing heavy is loaded here: `--help` and usage errors must answer at once, so each
 * command loads what it needs when it runs.
 */
import { Command } from "commander";
import { benchCommand } from "./commands/bench.js";
import { dataCommand } from "./commands/data.js";
import { doctorCommand } from "./commands/doctor.js";
import { evalCommand } from "./commands/eval.js";
import { exportCommand } from "./commands/export.js";
import { inferCommand } from "./commands/infer.js";
import { quickstartCommand } from "./commands/quickstart.js";
import { reportCommand } from "./commands/report.js";
import { sampleCommand } from "./commands/sample.js";
import { sweepCommand } from "./commands/sweep.js";
import { trainCommand } from "./commands/train.js";
import { version } from "./version.js";

/** A fresh program; its parse methods throw commander's errors instead of ending the process. */
export function createProgram(): Command {
  const program = new Command("air-onnx")
    .description(
      "Attend-Infer-Repeat: finds the objects in images without labels. Train it, export it to ONNX, run it.",
    )
    .version(version())
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx quickstart
  $ air-onnx train --dataset multi-mnist --steps 5000 --out runs/mnist
  $ air-onnx export runs/mnist --out models/mnist
  $ air-onnx infer models/mnist images/ --out annotated
  $ air-onnx help train`,
    );
  const commands = [
    quickstartCommand(),
    dataCommand(),
    trainCommand(),
    sweepCommand(),
    evalCommand(),
    exportCommand(),
    inferCommand(),
    sampleCommand(),
    reportCommand(),
    benchCommand(),
    doctorCommand(),
  ];
  for (const command of [program, ...commands]) command.exitOverride().showHelpAfterError("(try --help)");
  for (const command of commands) {
    program.addCommand(command.option("--debug", "print where an error came from"));
  }
  return program;
}
