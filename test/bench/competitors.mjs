/**
 * The code that the benchmarks share: competitors, and the report of a run. Each competitor is a process of its own that gets
 * one request at a time. At any moment all but one wait, so that other load on the machine affects all alike.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeFileAtomic } from "../../packages/scenes/dist/index.js";

export const here = fileURLToPath(new URL(".", import.meta.url));
export const root = resolve(here, "../..");

export const say = (line) => process.stdout.write(`${line}\n`);

/** Options that every comparison has. */
const sharedOptions = {
  python: { type: "string", default: "python3" },
  against: { type: "string" },
  rounds: { type: "string", default: "12" },
  threads: { type: "string", default: "1" },
  device: { type: "string", default: "cpu" },
  only: { type: "string" },
  write: { type: "boolean", default: false },
};

/**
 * The values of the command's options: those that comparisons share, and `own`.
 *
 * @throws {RangeError} if the device is neither cpu nor gpu, or a part of the competitors were to be written as the report
 */
export function parseOptions(own) {
  const { values } = parseArgs({ options: { ...sharedOptions, ...own } });
  if (values.device !== "cpu" && values.device !== "gpu") {
    throw new RangeError(`--device must be cpu or gpu, got ${values.device}`);
  }
  if (values.only !== undefined && values.write) {
    throw new RangeError("--only leaves competitors out, and --write writes the report of all: give one of the two");
  }
  return values;
}

/** The first of the candidates, and of the others those that `only` names, parts of names with commas between; else all. */
export function chosenCandidates(candidates, only) {
  if (only === undefined) return candidates;
  const parts = only.split(",");
  for (const part of parts) {
    if (!candidates.some(({ name }) => name.includes(part))) say(`No competitor here has "${part}" in its name`);
  }
  return candidates.filter(({ name }, i) => i === 0 || parts.some((part) => name.includes(part)));
}

/**
 * The whole numbers of an option, one or, with commas between, several.
 *
 * @throws {RangeError} if one is not whole, or below `least`
 */
export function wholeNumbers(values, option, least) {
  const numbers = values[option].split(",").map(Number);
  for (const number of numbers) {
    if (!Number.isInteger(number) || number < least) {
      throw new RangeError(`--${option} must be of whole numbers from ${least}, got ${values[option]}`);
    }
  }
  return numbers;
}

/** Median; of an even number of values the greater of the two in the middle, so that it is a measured value. */
export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Median over the rounds of the ratio of two competitors' numbers in the same round. */
export const medianRatio = (numbers, others) => median(numbers.map((number, round) => number / others[round]));

/** Makes a folder that is removed when this process ends, also by Ctrl-C. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "air-onnx-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
// Without this listener a signal would end the process without its exit listeners.
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
  process.once(signal, () => process.exit(code));

/** A competitor's process, which gets one request at a time: one line of JSON in, one line of JSON out. */
export class Worker {
  #process;
  #lines;
  #began = performance.now();
  #failure;

  /** @param environment environment variables in addition to this process's own */
  constructor(command, args, environment = {}) {
    this.#process = spawn(command, args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...environment },
    });
    // A process that cannot be started, or has died, is reported where its answer is awaited.
    this.#process.on("error", (cause) => {
      this.#failure = cause;
    });
    this.#process.stdin.on("error", () => {});
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Waits until the process is ready. Returns its first answer and the time since the process was started.
   *
   * @throws {Error} with its reason if it reports that it is unavailable here, or ends
   */
  async ready() {
    const answer = await this.#next();
    if (answer.unavailable !== undefined) {
      await this.end();
      throw new Error(answer.unavailable);
    }
    return { ...answer, total: performance.now() - this.#began };
  }

  ask(question) {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    return this.#next();
  }

  async end() {
    this.#process.stdin.end();
    const { exitCode, signalCode, pid } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      await new Promise((done) => this.#process.once("exit", done));
    }
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(this.#failure?.message ?? "its process ended; its own words are above");
    return JSON.parse(value);
  }
}

/** glibc then keeps freed memory; else it returns large blocks to the system, which clears their pages at each next use. */
const KEEP_FREED_MEMORY = { MALLOC_MMAP_THRESHOLD_: String(2 ** 32), MALLOC_TRIM_THRESHOLD_: String(2 ** 32) };

/** A competitor in Python. Its arguments are the name of its script in this folder, and that script's own. */
export const pythonWorker = (python, script, ...args) =>
  new Worker(python, [join(here, script), ...args], KEEP_FREED_MEMORY);

/**
 * Starts the candidates one after the other. Those that cannot be started are left out, each with a line that says so.
 *
 * @param candidates each has a `name`, and `start`, which returns a {@link Worker}
 * @returns the started ones as `competitors`, each with its `worker` and its first answer, `ready`
 * @throws {Error} if the first candidate cannot be started, because the others are compared with it
 */
export async function startCompetitors(candidates) {
  const competitors = [];
  const skipped = [];
  for (const candidate of candidates) {
    const worker = candidate.start();
    try {
      competitors.push({ ...candidate, worker, ready: await worker.ready() });
    } catch (cause) {
      if (candidate === candidates[0]) throw cause;
      skipped.push(candidate.name);
      say(`SKIPPED ${candidate.name}: it could not be started (${cause.message})`);
    }
  }
  return { competitors, skipped };
}

/** The circumstances on which a run's numbers depend. */
export function circumstances() {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      processor: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryGigabytes: Math.round(totalmem() / 2 ** 30),
      loadAverage: loadavg()[0],
    },
    revision: execFileSync("git", ["-C", root, "rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  };
}

/** {@link circumstances} as a line. */
export function circumstancesLine({ date, machine, revision }) {
  const { cores, processor, loadAverage } = machine;
  return `${date}, ${cores} x ${processor}, load ${loadAverage.toFixed(1)}, revision ${revision}`;
}

/** Writes `report`, and a picture of it if there is one, as docs/performance/`name`.json and .svg. */
export async function writeReport(name, report, picture) {
  const folder = join(root, "docs/performance");
  mkdirSync(folder, { recursive: true });
  await writeFileAtomic(join(folder, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  if (picture !== undefined) await writeFileAtomic(join(folder, `${name}.svg`), `${picture}\n`);
  say(`Written: ${join(folder, name)}.json${picture === undefined ? "" : " and .svg"}`);
}
