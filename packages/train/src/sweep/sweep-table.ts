/** A sweep in Markdown: a row for every seed, whatever became of it, then mean, worst and the share of successes. */

import { type Spread, type SpreadName, summarize } from "./summary.js";
import type { FinishedSeed, SeedRecord, SweepPlan, SweepSession } from "./sweep-record.js";

interface Column {
  readonly name: SpreadName;
  readonly title: string;
  readonly of: (seed: FinishedSeed) => number;
  /** One number, and one after ±. */
  readonly format: (value: number) => string;
}

const percent = (share: number): string => (100 * share).toFixed(2);

const columns: readonly Column[] = [
  {
    name: "countAccuracySampled",
    title: "count accuracy, sampled, %",
    of: ({ evaluation }) => evaluation.countAccuracySampled,
    format: percent,
  },
  {
    name: "countAccuracyMap",
    title: "count accuracy, MAP, %",
    of: ({ evaluation }) => evaluation.countAccuracyMap,
    format: percent,
  },
  {
    name: "elbo",
    title: "ELBO, nats",
    of: ({ evaluation }) => evaluation.elbo,
    format: (nats) => nats.toFixed(2),
  },
  {
    name: "trainingMinutes",
    title: "training, min",
    of: ({ trainingMinutes }) => trainingMinutes,
    format: (minutes) => minutes.toFixed(1),
  },
];

export function sweepTable(
  { config, command, successAccuracy }: SweepPlan,
  seeds: readonly SeedRecord[],
  sessions: readonly SweepSession[],
): string {
  const summary = summarize(seeds, successAccuracy);
  const { spread } = summary;
  const row = (name: string, cell: (spread: Spread, format: Column["format"]) => string): string[] => [
    name,
    "",
    ...columns.map((column) => (spread ? cell(spread[column.name], column.format) : "–")),
    summary.finished.length === seeds.length
      ? `all ${seeds.length} seeds`
      : `of the ${summary.finished.length} finished seeds out of ${seeds.length}`,
  ];
  const rows = [
    ["seed", "steps", ...columns.map(({ title }) => title), "status"],
    ...seeds.map((seed) => seedRow(seed, config.steps)),
    row("mean ± std", ({ mean, standardDeviation }, format) =>
      standardDeviation === undefined ? format(mean) : `${format(mean)} ± ${format(standardDeviation)}`,
    ),
    row("worst", ({ worst }, format) => format(worst)),
  ];
  const images = seeds.find((seed) => seed.status === "finished")?.evaluation.images;
  const missed = summary.finished.filter((seed) => !summary.succeeded.includes(seed));
  const lines = [
    `**${summary.succeeded.length} of ${seeds.length} seeds succeeded**: they finished with a MAP count accuracy of at ` +
      `least ${percent(successAccuracy)} %.`,
    ...listed("Finished below that", missed),
    ...listed("Failed", summary.failed),
    ...listed("Not finished yet", summary.open),
  ];
  return [
    markdownTable(rows),
    lines.join("\n"),
    `Each seed was measured after its last step on ${images === undefined ? "all" : `all ${integer(images)}`} held-out images. Sampled: the ` +
      "expected share of right counts if each is drawn from q(n|x). MAP: the share of images whose most probable count " +
      "is right. ± is the standard deviation over seeds (n − 1).",
    `Command: \`${command}\``,
    sessions.map(sessionLine).join("\n"),
  ]
    .map((part) => `${part}\n`)
    .join("\n");
}

function seedRow(seed: SeedRecord, steps: number): string[] {
  const numbers = columns.map(({ of, format }) => (seed.status === "finished" ? format(of(seed)) : "–"));
  const done = "step" in seed ? seed.step : 0;
  return [
    String(seed.seed),
    done === steps ? integer(done) : `${integer(done)} of ${integer(steps)}`,
    ...numbers,
    statusOf(seed),
  ];
}

function statusOf(seed: SeedRecord): string {
  const now = seed.status === "failed" ? `failed: ${oneLine(seed.failure)}` : seed.status;
  const earlier = seed.earlierFailures.map((failure, index) => `try ${index + 1} failed: ${oneLine(failure)}`);
  return [now, ...earlier].join("; ");
}

/** The first line of a message, with nothing in it that ends a cell. */
function oneLine(message: string): string {
  return message.split("\n", 1)[0]!.trim().replaceAll("|", "\\|");
}

function listed(title: string, seeds: readonly number[]): string[] {
  return seeds.length === 0 ? [] : [`${title}: seed ${seeds.join(", ")}.`];
}

function sessionLine({ startedAt, jobs, versions, machine }: SweepSession, index: number): string {
  const { processor, cores, memoryGigabytes, platform } = machine;
  const software = Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
  return (
    `- ${index === 0 ? "Started" : "Resumed"} on ${startedAt.slice(0, 10)}, ${jobs} at once: ${processor}, ` +
    `${cores} cores, ${memoryGigabytes} GB, ${platform}; ${software}`
  );
}

function integer(value: number): string {
  return value.toLocaleString("en");
}

/** Padded, so that it reads well as text too: the first and last column to the left, the others to the right. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const last = rows[0]!.length - 1;
  // What follows the last column needs no room.
  const widths = rows[0]!.map((title, column) =>
    column === last ? title.length : Math.max(...rows.map((row) => row[column]!.length)),
  );
  const isLeft = (column: number): boolean => column === 0 || column === last;
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const [header, ...body] = rows.map((row) =>
    line(row.map((cell, column) => (isLeft(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))),
  );
  const rule = line(widths.map((width, column) => (isLeft(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)));
  return [header, rule, ...body].join("\n");
}
