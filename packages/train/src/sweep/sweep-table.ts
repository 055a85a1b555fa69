/** A sweep in Markdown: a row for every seed, whatever became of it, then mean, worst and the share of successes. */

import { count, markdownTable } from "@air-onnx/measure/format";
import {
  columnHead,
  headlineMeasuresOf,
  type Measure,
  meanings,
  measured,
  measureOf,
  written,
  writtenInColumn,
} from "@air-onnx/measure/measures";
import { type Spread, summarize } from "./summary.js";
import type { FinishedSeed, SeedRecord, SweepPlan, SweepSession } from "./sweep-record.js";

interface Column {
  /** In the summary's spreads. */
  readonly key: string;
  readonly head: string;
  /** Undefined if the seed's evaluation does not have it. */
  readonly of: (seed: FinishedSeed) => number | undefined;
  /** One number, and one after ±. */
  readonly format: (value: number) => string;
}

/** The columns of a sweep whose evaluations have these measures. */
const columnsOf = (shown: readonly Measure[]): readonly Column[] => [
  ...shown.map((measure) => ({
    key: measure.key,
    head: columnHead(measure),
    of: ({ evaluation }: FinishedSeed) => measured(evaluation, measure) ?? undefined,
    format: (value: number) => writtenInColumn(measure, value),
  })),
  {
    key: "trainingMinutes",
    head: "training, min",
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
  const shown = headlineMeasuresOf(seeds.map((seed) => seed.status === "finished" && seed.evaluation));
  const columns = columnsOf(shown);
  const row = (name: string, cell: (spread: Spread, format: Column["format"]) => string): string[] => [
    name,
    "",
    ...columns.map(({ key, format }) => {
      const known = spread?.[key];
      return known ? cell(known, format) : "–";
    }),
    summary.finished.length === seeds.length
      ? `all ${seeds.length} seeds`
      : `of the ${summary.finished.length} finished seeds out of ${seeds.length}`,
  ];
  const head = ["seed", "steps", ...columns.map((column) => column.head), "status"];
  const rows = [
    ...seeds.map((seed) => seedRow(seed, config.steps, columns)),
    row("mean ± std", ({ mean, standardDeviation }, format) =>
      standardDeviation === undefined ? format(mean) : `${format(mean)} ± ${format(standardDeviation)}`,
    ),
    row("worst", ({ worst }, format) => format(worst)),
  ];
  const images = seeds.find((seed) => seed.status === "finished")?.evaluation.images;
  const isCounted = seeds.some((seed) => seed.status === "finished" && seed.evaluation.countAccuracyMap !== undefined);
  const isUncounted = !isCounted && images !== undefined;
  const missed = summary.finished.filter((seed) => !summary.succeeded.includes(seed));
  const lines = [
    isUncounted
      ? `**${summary.succeeded.length} of ${seeds.length} seeds finished.** How well they count is not measured: no true count is known.`
      : `**${summary.succeeded.length} of ${seeds.length} seeds succeeded**: they finished with a MAP count accuracy of at ` +
        `least ${written(measureOf("countAccuracyMap"), successAccuracy)}.`,
    ...listed("Finished below that", missed),
    ...listed("Failed", summary.failed),
    ...listed("Not finished yet", summary.open),
  ];
  return [
    markdownTable({ head, rows, textColumns: [0, head.length - 1] }),
    lines.join("\n"),
    `Each seed was measured after its last step on ${images === undefined ? "all" : `all ${count(images)}`} held-out images. ` +
      `${meanings(shown, ({ short }) => short)} ± is the standard deviation over seeds (n − 1).`,
    `Command: \`${command}\``,
    sessions.map(sessionLine).join("\n"),
  ]
    .map((part) => `${part}\n`)
    .join("\n");
}

function seedRow(seed: SeedRecord, steps: number, columns: readonly Column[]): string[] {
  const numbers = columns.map(({ of, format }) => {
    const value = seed.status === "finished" ? of(seed) : undefined;
    return value === undefined ? "–" : format(value);
  });
  const done = "step" in seed ? seed.step : 0;
  return [
    String(seed.seed),
    done === steps ? count(done) : `${count(done)} of ${count(steps)}`,
    ...numbers,
    statusOf(seed),
  ];
}

function statusOf(seed: SeedRecord): string {
  const now = seed.status === "failed" ? `failed: ${oneLine(seed.failure)}` : seed.status;
  const earlier = seed.earlierFailures.map((failure, index) => `try ${index + 1} failed: ${oneLine(failure)}`);
  return [now, ...earlier].join("; ");
}

/** The first line of a message. */
function oneLine(message: string): string {
  return message.split("\n", 1)[0]!.trim();
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
