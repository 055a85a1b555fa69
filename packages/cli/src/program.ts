/**
 * The program with all commands. `--help` and usage errors must appear at once, so a command's flags are loaded only when its
 * name is on the command line, and the packages that it needs only when it runs.
 */
import { Command } from "commander";
import { asTyped } from "./invocation.js";
import { setWork } from "./output.js";
import { version } from "./version.js";

interface Entry {
  /** Arguments after the command's name, for the help of the program. */
  readonly usage: string;
  /** Description in one line, for the help of the program. */
  readonly summary: string;
  /** Whether what it prints is all its work; false, the default, if that is in files. */
  readonly isOutput?: (flags: Readonly<Record<string, unknown>>) => boolean;
  /** Loads the command with its flags. */
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
    usage: "[options] [images]",
    summary: "train a model in a run folder",
    isOutput: ({ checkBackends }) => checkBackends === true,
    load: async () => (await import("./commands/train.js")).trainCommand(),
  },
  sweep: {
    usage: "[options]",
    summary: "train one configuration with many seeds, and write a table of the results",
    load: async () => (await import("./commands/sweep.js")).sweepCommand(),
  },
  eval: {
    usage: "[options] <path>",
    summary: "measure a run or an exported model on held-out images",
    isOutput: ({ out }) => out === undefined,
    load: async () => (await import("./commands/eval.js")).evalCommand(),
  },
  export: {
    usage: "[options] <run folder>",
    summary: "export a run as ONNX graphs, and check them against TensorFlow.js",
    load: async () => (await import("./commands/export.js")).exportCommand(),
  },
  convert: {
    usage: "[options] <model folder>",
    summary: "write a model folder with other weights, another opset, or another input of its scene file",
    load: async () => (await import("./commands/convert.js")).convertCommand(),
  },
  infer: {
    usage: "[options] <model folder> <images...>",
    summary: "find the objects in images",
    isOutput: ({ json, csv, objectsCsv }) => json === undefined && csv === undefined && objectsCsv === undefined,
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
    isOutput: () => true,
    load: async () => (await import("./commands/bench.js")).benchCommand(),
  },
  doctor: {
    usage: "[options]",
    summary: "list the devices, backends and folders that work on this machine",
    isOutput: () => true,
    load: async () => (await import("./commands/doctor.js")).doctorCommand(),
  },
};

/**
 * Makes the program for one command line. Its parse methods throw commander's errors instead of ending the process.
 *
 * @param args the arguments that will be parsed; only the command that they name gets its flags
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
      return command.summary(summary).option("--debug", "print the stack of an error");
    }),
  );
  for (const command of [program, ...commands]) {
    command
      .exitOverride()
      .showHelpAfterError("(try --help)")
      .configureOutput({ writeOut: (text) => process.stdout.write(asTyped(text)) });
  }
  for (const command of commands) program.addCommand(command);
  program.hook("preAction", (_, command) => {
    setWork(entries[command.name()]?.isOutput?.(command.opts()) ? "output" : "files");
  });
  return program;
}
