/** How the command is typed where this process was started, so that printed commands can be copied. */
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join, relative, resolve, sep } from "node:path";

const NAME = "air-onnx";

/** What decides how the command is typed. */
export interface Invocation {
  /** Path of the program, as the operating system was given it. */
  readonly program: string | undefined;
  /** Folder in which the command was typed. */
  readonly folder: string;
  /** The environment's variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * How `air-onnx` is typed: by its name alone where the shell finds it (an installation for all projects), by `npx` in a project
 * that has it, by `npx -p` where npx fetched it, else by `node` and the path of the program.
 */
export function typedAs({ program, folder, env }: Invocation): string {
  const parents = parentsOf(resolve(folder));
  const isInProject = parents.some((parent) => existsSync(join(parent, "node_modules", ".bin", NAME)));
  const own = program === undefined ? undefined : (realPath(program) ?? resolve(program));
  // npm puts node_modules/.bin on the path for as long as its own commands run, which a shell does not have.
  const isInstalled = (env.PATH ?? "").split(delimiter).some((place) => {
    if (place === "" || place.endsWith(`node_modules${sep}.bin`)) return false;
    const found = realPath(join(place, NAME));
    return found !== undefined && (own === undefined || found === own);
  });
  if (isInstalled && env.npm_command !== "exec") return NAME;
  if (isInProject) return `npx ${NAME}`;
  if (env.npm_command === "exec") return `npx -p @air-onnx/cli ${NAME}`;
  if (isInstalled || program === undefined) return NAME;
  const path = relative(folder, program);
  return `node ${path.startsWith("..") ? program : path}`;
}

/** How `air-onnx` is typed in this process. */
export function commandHere(): string {
  return typedAs({ program: process.argv[1], folder: process.cwd(), env: process.env });
}

/**
 * Words of the command line in which `air-onnx` stands at the beginning of a command, with what is typed here instead: after `$ `,
 * `: ` or two spaces at the beginning of a line.
 */
export function asTyped(text: string, command = commandHere()): string {
  return command === NAME ? text : text.replaceAll(/(^ {2}|\$ |: |by )air-onnx (?=[a-z])/gm, `$1${command} `);
}

/** Quotes a word of a command line for a POSIX shell, if it needs quotes. */
export function shellWord(text: string): string {
  return /^[\w.,:/=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function parentsOf(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...parentsOf(parent)];
}
