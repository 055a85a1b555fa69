/** A sweep as an array job of Slurm: a task for each seed. */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { writeFileAtomic } from "@air-onnx/scenes";
import { CommandError, UsageError } from "../failures.js";

/** What an array job is made of. */
export interface ArrayJob {
  /** Absolute path of the sweep folder, which all nodes must see. */
  readonly sweep: string;
  /** Places of the seeds in the sweep's list. */
  readonly indices: readonly number[];
  /** CPUs of each task. */
  readonly cpus: number;
  /** Options of sbatch, such as `--partition=cpu`. */
  readonly options: readonly string[];
  /** Command of a task, to which the place of its seed is added. */
  readonly command: readonly string[];
}

/** Splits the options for sbatch that a user gave in one text. @throws {UsageError} for what is no option */
export function parseSbatchOptions(text: string): string[] {
  const options = text.split(/\s+/).filter((part) => part !== "");
  const other = options.find((option) => !/^--[a-z][\w-]*(=\S+)?$/.test(option));
  if (other === undefined) return options;
  throw new UsageError(`--sbatch takes options such as "--partition=cpu --time=2:00:00", and "${other}" is none`);
}

/**
 * The script of an array job. Slurm puts a task back into the queue when its node fails or it is preempted; it then goes on from
 * its newest checkpoint.
 */
export function arrayScript({ sweep, indices, cpus, options, command }: ArrayJob): string {
  const own = [
    `--job-name=air-onnx-${basename(sweep).replaceAll(/[^\w.-]+/g, "-")}`,
    `--array=${ranges(indices)}`,
    "--ntasks=1",
    `--cpus-per-task=${cpus}`,
    "--requeue",
    "--open-mode=append",
    `--output=${join(sweep, "slurm", "task-%a.log").replaceAll(" ", "\\ ")}`,
  ];
  const lines = [...own, ...options].map((option) => `#SBATCH ${option}\n`);
  // exec: Slurm's signals reach the training, which saves a checkpoint.
  return `#!/bin/sh\n${lines.join("")}exec ${command.map(quoted).join(" ")} "$SLURM_ARRAY_TASK_ID"\n`;
}

/** `0-2,5` for 0, 1, 2, 5. */
function ranges(indices: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const index of indices) {
    const last = parts.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else parts.push([index, index]);
  }
  return parts.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** @throws {CommandError} where there is no Slurm */
export async function requireSlurm(): Promise<void> {
  await sbatch(["--version"]);
}

/**
 * Writes the script of a job into the sweep folder, and submits it.
 *
 * @returns the number of the job, and the path of the script
 * @throws {CommandError} if Slurm does not take it, with Slurm's words
 */
export async function submit(job: ArrayJob): Promise<{ readonly id: string; readonly script: string }> {
  const script = join(job.sweep, "slurm", "job.sh");
  await mkdir(join(job.sweep, "slurm"), { recursive: true });
  await writeFileAtomic(script, arrayScript(job));
  const answer = await sbatch(["--parsable", script]);
  return { id: answer.trim().split(";")[0]!, script };
}

async function sbatch(args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)("sbatch", args)).stdout;
  } catch (cause) {
    const { code, stderr } = cause as NodeJS.ErrnoException & { readonly stderr?: string };
    if (code === "ENOENT") {
      throw new CommandError(
        "There is no sbatch on the PATH: --slurm needs Slurm's commands. Run it on a login node of the cluster, or leave --slurm out to train here.",
      );
    }
    throw new CommandError(`Slurm refuses the job: ${stderr?.trim() || String(cause)}`);
  }
}
