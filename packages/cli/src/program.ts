/**
 * All commands as one program. `--help` and usage errors must answer at once: a command's flags are loaded when its name is
 * on the command line, and what it works with when it runs.
 */
import { Command } from "commander";
import { version } from "./version.js";

interface Entry {
  /** What follows the name, as in the help of all commands. */
  readonly usage: string;
  readonly summary: string;
  load(): Promise<Command>;
}

const entries: Readonly<Record<string, Entry>> = {
  quickstart: {
    usage: "[options]",
    summary: "train, export and run a small model in minutes",
    load: async () => (await import("./commands/quickstart.js")).quickstartCommand(),
  },
  data: {
    usage: "[options] <dataset>",
    summary: "build or load a data set",
    load: async () => (await import("./commands/data.js")).dataCommand(),
  },
  train: {
    usage: "[options]",
    summary: "train a model in a run folder",
    load: async () => (await import("./commands/train.js")).trainCommand(),
  },
  sweep: {
    usage: "[options]",
    summary: "train many seeds, and write the table of all of them",
    load: async () => (await import("./commands/sweep.js")).sweepCommand(),
  },
  eval: {
    usage: "[options] <path>",
    summary: "measure a run or an exported model on held-out images",
    load: async () => (await import("./commands/eval.js")).evalCommand(),
  },
  export: {
    usage: "[options] <run folder>",
    summary: "export a run as ONNX graphs, and prove them right",
    load: async () => (await import("./commands/export.js")).exportCommand(),
  },
  infer: {
    usage: "[options] <model folder> <images...>",
    summary: "find the objects in PNG images",
    load: async () => (await import("./commands/infer.js")).inferCommand(),
  },
  sample: {
    usage: "[options] <model folder>",
    summary: "draw scenes that a model imagines",
    load: async () => (await import("./commands/sample.js")).sampleCommand(),
  },
  report: {
    usage: "[options] <folder>",
    summary: "write a run, or a sweep, as one HTML file",
    load: async () => (await import("./commands/report.js")).reportCommand(),
  },
  bench: {
    usage: "[options] <what>",
    summary: "measure how fast this machine trains and infers",
    load: async () => (await import("./commands/bench.js")).benchCommand(),
  },
  doctor: {
    usage: "[options]",
    summary: "say what of this machine can be used",
    load: async () => (await import("./commands/doctor.js")).doctorCommand(),
  },
};

/**
 * A fresh program for one command line; its parse methods throw commander's errors instead of ending the process.
 *
 * @param args those that will be parsed: only the command that they name has its flags
 */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("air-onnx")
    .description(
      "Attend-Infer-Repeat: finds the objects in images without labels. Train it, export it to ONNX, run it.",
    )
    .version(version())
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
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
  const named = args.find((arg) => !arg.startsWith("-") && arg !== "help");
  const commands = await Promise.all(
    Object.entries(entries).map(async ([name, { usage, summary, load }]) => {
      const command = name === named ? await load() : new Command(name).usage(usage);
      return command.summary(summary).option("--debug", "print where an error came from");
    }),
  );
  for (const command of [program, ...commands]) command.exitOverride().showHelpAfterError("(try --help)");
  for (const command of commands) program.addCommand(command);
  return program;
}
