/** A measurement as a page of Markdown that says what each number is. */
import type { AirConfig } from "@air-onnx/core";
import {
  count,
  type MeasureGroup,
  type Measurement,
  markdownTable,
  meanings,
  measureGroups,
  measureRowsByGroup,
  measures,
  measuresByCount,
  written,
} from "@air-onnx/measure";

/** A measurement with all that it depends on. */
export interface MeasurementRecord extends Measurement {
  /** Of the run folder, or of the exported model. */
  readonly path: string;
  /** Such as `Run runs/a at step 3000`. */
  readonly what: string;
  readonly dataset: string;
  readonly split: string;
  /** The options of the data set. */
  readonly data: Readonly<Record<string, number | string>>;
  /** How these images are not those that the model was measured on when it was trained or exported, in sentences. */
  readonly differences: readonly string[];
  readonly likelihood: AirConfig["likelihood"];
  readonly presencePrior: number;
  readonly seconds: number;
  /** ISO 8601 time. */
  readonly measuredAt: string;
  /** Versions by name. */
  readonly software: Readonly<Record<string, string>>;
  readonly processor: string;
}

/** Names of files beside the page. */
export interface ReportPictures {
  readonly scenes: string;
  readonly worst: string;
  readonly confusion: string;
}

export function measurementReport(record: MeasurementRecord, pictures: ReportPictures): string {
  const { what, images, split, dataset, seed, measuredAt, software, processor } = record;
  const options = Object.entries(record.data).map(([key, value]) => `${key} ${value}`);
  const versions = Object.entries(software).map(([name, version]) => `${name} ${version}`);
  return `${[
    `# ${what}`,
    `${count(images)} ${split} images of ${dataset}${options.length > 0 ? ` (${options.join(", ")})` : ""}, noise of seed ${seed}. ` +
      `Measured ${measuredAt.slice(0, 10)} in ${record.seconds.toFixed(0)} s on ${processor}: ${versions.join(", ")}.`,
    ...record.differences,
    ...countSection(record, pictures),
    ...boundSection(record),
    ...importanceSection(record),
    ...boxSection(record),
    ...groupSection(
      record,
      "pruned",
      "Counts and boxes as `infer` finds them: it leaves out objects that explain nothing.",
    ),
    ...pictureSection(pictures),
  ].join("\n\n")}\n`;
}

/** What is said of a group where it was not measured. */
const missing: Partial<Record<MeasureGroup, string>> = {
  importance: "Not measured: it takes many draws of each image, and was not asked for.",
  boxes: "Not measured: the true boxes of these images are not known.",
};

/** A heading, the measures of the group, and `words` on what they are; or why there are none. */
function groupSection(record: MeasurementRecord, group: MeasureGroup, ...words: readonly string[]): string[] {
  const rows = measureRowsByGroup(record)[group].map(({ measure, text }) => [measure.label, text]);
  const heading = `## ${measureGroups[group]}`;
  if (rows.length > 0) return [heading, markdownTable({ head: ["Measure", "Value"], rows }), ...words];
  const reason = missing[group];
  return reason === undefined ? [] : [heading, reason];
}

function countSection(record: MeasurementRecord, pictures: ReportPictures): string[] {
  const { confusion } = record;
  const seen = confusion.flatMap((row, truth) => (row.some((images) => images > 0) ? [{ row, truth }] : []));
  const lists = measuresByCount.map(({ measure, list }) => ({ measure, values: record[list] }));
  return groupSection(
    record,
    "counts",
    meanings(
      measures.filter(({ group }) => group === "counts"),
      ({ label }) => label,
    ),
    markdownTable({
      head: [
        "true count",
        "images",
        ...lists.map(({ measure }) => measure.short),
        ...confusion[0]!.map((_, n) => `found ${n}`),
      ],
      rows: seen.map(({ row, truth }) => [
        String(truth),
        count(row.reduce((sum, images) => sum + images, 0)),
        ...lists.map(({ measure, values }) => written(measure, values[truth]!)),
        ...row.map(count),
      ]),
    }),
    `![Which counts are taken for which](${pictures.confusion})`,
  );
}

function boundSection(record: MeasurementRecord): string[] {
  const { type, ...settings } = record.likelihood;
  const likelihood = [type, ...Object.entries(settings).map(([key, value]) => `${key} ${value}`)].join(", ");
  return groupSection(
    record,
    "bound",
    `The ELBO is the log-likelihood minus the KLs: one draw of where and what for each image, KLs analytic, the sum over the count ` +
      `exact; ± is the standard error over the images. The presence prior is ${record.presencePrior}, the likelihood ${likelihood}.` +
      (type === "bernoulli"
        ? " It is a probability of black and white pixels: where they are grey, the log-likelihood is minus a cross-entropy, and no bound."
        : "") +
      " The fitted presence prior, the same at every step, makes the mean ELBO largest on these images, with everything else as it is.",
  );
}

function importanceSection(record: MeasurementRecord): string[] {
  return groupSection(
    record,
    "importance",
    "A weight is w = Σ_n p(n) p(x|c_n) Π_{t≤n} p(z_t)/q(z_t|x), from sampled log-ratios of the first images: E[w] = p(x), so the " +
      "expectation of the bound is below log p(x), and rises to it with K. ± is the standard error over the images. With analytic " +
      "KLs it is what implementations of AIR have reported in its place: that can exceed log p(x), and is here for comparison " +
      "only. Effective samples are (Σ w)²/Σ w², at most K.",
  );
}

function boxSection(record: MeasurementRecord): string[] {
  return groupSection(
    record,
    "boxes",
    "Found are the windows of the most probable count at the posterior means; each is matched with at most one true box, " +
      "such that the intersections over unions (IoU) of an image add up to the most. True boxes are those of the data set. " +
      "A generator's is the square of the patch that it pasted, which can have a dark margin around the ink: a model that is " +
      "trained without boxes need not find that margin, so that even a perfect one may stay below 1.",
  );
}

function pictureSection({ scenes, worst }: ReportPictures): string[] {
  return [
    "## Pictures",
    "The first images, and what was found in them:",
    `![Scenes](${scenes})`,
    "The lowest ELBOs, then the surest of the wrong counts (q is the probability of the count that was found). True boxes " +
      "are white, found ones are coloured; below each image is its reconstruction.",
    `![Worst images](${worst})`,
  ];
}
