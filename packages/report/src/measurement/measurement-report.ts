/** Writes a measurement as a page of Markdown that explains each number. */
import type { AirConfig } from "@air-onnx/core";
import {
  type ClassicalQuality,
  classicalSentence,
  count,
  type MeasureGroup,
  type Measurement,
  markdownTable,
  meanings,
  measureGroups,
  measureRowsByGroup,
  measures,
  measuresByCount,
  percent,
  written,
} from "@air-onnx/measure";

/** A measurement with everything that it depends on. */
export interface MeasurementRecord extends Measurement {
  /** Path of the run folder or of the exported model. */
  readonly path: string;
  /** Description of the model, such as `Run runs/a at step 3000`. */
  readonly what: string;
  /** Name of the data set. */
  readonly dataset: string;
  /** Part of the data set. */
  readonly split: string;
  /** Options of the data set. */
  readonly data: Readonly<Record<string, number | string>>;
  /** Sentences on how the images differ from those that the model was measured on in training or at its export. */
  readonly differences: readonly string[];
  /** How well the classical way counts the same images; absent if no true count is known. */
  readonly classical?: ClassicalQuality | undefined;
  /** Likelihood of the model. */
  readonly likelihood: AirConfig["likelihood"];
  /** Presence prior of the model. */
  readonly presencePrior: number;
  /** Time that the measurement took, seconds. */
  readonly seconds: number;
  /** Time of the measurement, ISO 8601. */
  readonly measuredAt: string;
  /** Versions of the software, by name. */
  readonly software: Readonly<Record<string, string>>;
  /** Name of the processor. */
  readonly processor: string;
}

/** The names of the pictures' files, relative to the page. */
export interface ReportPictures {
  /** Picture of the first images and the scenes found in them. */
  readonly scenes: string;
  /** Picture of the worst images. */
  readonly worst: string;
  /** Picture of the confusion matrix. */
  readonly confusion: string;
  /** Reliability plot of the scores; it is shown only if scores were measured. */
  readonly reliability: string;
}

/** Writes the page about a measurement. */
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
    ...(record.classical ? [classicalSentence(record.classical, record)] : []),
    ...boundSection(record),
    ...importanceSection(record),
    ...boxSection(record),
    ...scoreSection(record, pictures),
    ...groupSection(
      record,
      "objects",
      "Masks and codes of the objects that `infer` finds by default. ARI-FG compares, over the pixels that exactly one true object inks, whose they are with whose " +
        "masks have them (the first object's, if several do; the background's, if none): the mean over the images with several objects of the adjusted Rand index, 1 for agreement and 0 " +
        "for what chance gives. The linear probe is a multinomial logistic regression from the standardised z_what to the kind, such as the digit, fitted to " +
        "every second object that is really there and measured on the others. Clusters are those of k-means, as many as kinds, each standing for one kind so " +
        "that most objects are right.",
    ),
    ...groupSection(
      record,
      "pruned",
      "Counts and boxes of `infer` with pruning, which leaves out objects that explain nothing.",
    ),
    ...pictureSection(record, pictures),
  ].join("\n\n")}\n`;
}

/** The text in place of a group of measures that was not measured. */
const missing: Partial<Record<MeasureGroup, string>> = {
  importance: "Not measured: it needs many draws for each image, and was not asked for.",
  counts: "Not measured: the true counts of these images are not known.",
  boxes: "Not measured: the true boxes of these images are not known.",
};

/** A heading, the measures of the group, and `words` that explain them; or the reason why there are none. */
function groupSection(record: MeasurementRecord, group: MeasureGroup, ...words: readonly string[]): string[] {
  const rows = measureRowsByGroup(record)[group].map(({ measure, text }) => [measure.label, text]);
  const heading = `## ${measureGroups[group]}`;
  if (rows.length > 0) return [heading, markdownTable({ head: ["Measure", "Value"], rows }), ...words];
  const reason = missing[group];
  return reason === undefined ? [] : [heading, reason];
}

function countSection(record: MeasurementRecord, pictures: ReportPictures): string[] {
  const { confusion } = record;
  if (!confusion) return [...groupSection(record, "counts"), foundSentence(record)];
  const seen = confusion.flatMap((row, truth) => (row.some((images) => images > 0) ? [{ row, truth }] : []));
  const lists = measuresByCount.map(({ measure, list }) => ({ measure, values: record[list]! }));
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
    `![Confusion matrix](${pictures.confusion})`,
  );
}

/** How many images got which count. */
function foundSentence({ foundCounts }: MeasurementRecord): string {
  const found = foundCounts.flatMap((images, n) => (images > 0 ? [`${n} in ${count(images)} images`] : []));
  return `Most probable counts: ${found.join(", ")}.`;
}

function boundSection(record: MeasurementRecord): string[] {
  const { type, ...settings } = record.likelihood;
  const likelihood = [type, ...Object.entries(settings).map(([key, value]) => `${key} ${value}`)].join(", ");
  return groupSection(
    record,
    "bound",
    `The ELBO is the log-likelihood minus the KLs: one draw of where and what for each image, analytic KLs, the sum over the count ` +
      `exact; ± is the standard error over the images. The presence prior is ${record.presencePrior}, the likelihood ${likelihood}.` +
      (type === "bernoulli"
        ? " It is a probability of black and white pixels. For grey pixels the log-likelihood is a negative cross-entropy, and the ELBO is no bound."
        : "") +
      " The fitted presence prior, the same at every step, makes the mean ELBO largest on these images; everything else is unchanged.",
  );
}

function importanceSection(record: MeasurementRecord): string[] {
  return groupSection(
    record,
    "importance",
    "A weight is w = Σ_n p(n) p(x|c_n) Π_{t≤n} p(z_t)/q(z_t|x), from sampled log-ratios of the first images: E[w] = p(x), so the " +
      "expectation of the bound is below log p(x), and rises to it with K. ± is the standard error over the images. The formula with " +
      "analytic KLs is what other implementations of AIR have reported in its place: it can exceed log p(x), and is here for comparison " +
      "only. Effective samples are (Σ w)²/Σ w², at most K.",
  );
}

function boxSection(record: MeasurementRecord): string[] {
  return groupSection(
    record,
    "boxes",
    "Found boxes are the tight boxes of the objects of the most probable count at the posterior means. Each is matched with at most one " +
      "true box, so that the sum of intersections over unions (IoU) in an image is the largest. True boxes are those of the data set; " +
      "for drawn images, the smallest rectangles of the pixels that the objects ink. For average precision, the found boxes of all images are " +
      "ranked by the presence of their objects; it is the mean over 101 recalls of the largest precision at or beyond each, as in COCO.",
  );
}

function scoreSection(record: MeasurementRecord, { reliability }: ReportPictures): string[] {
  if (!record.score) return [];
  return groupSection(
    record,
    "score",
    "Scores of the objects that `infer` finds by default. An object is really there if its tight box has an IoU of at least 0.5 with the true box that it " +
      "is matched with. The score is a calibrated probability of that if the model's `config.json` has a `score`; else, and for a run, it is the " +
      "object's presence. The calibration error is the mean over the objects of |mean score − share that is really there| in ten groups of equally " +
      "many objects, by rising score. The Brier score is the mean of (score − 1 or 0)².",
    markdownTable({
      head: ["mean score of the group", "objects", "really there"],
      rows: record.score.reliability.map(({ objects, meanScore, right }) => [
        percent(meanScore, 2),
        count(objects),
        percent(right, 2),
      ]),
    }),
    `![Reliability plot](${reliability})`,
  );
}

function pictureSection({ confusion }: MeasurementRecord, { scenes, worst }: ReportPictures): string[] {
  const wrong = ", then those with the surest wrong counts (q is the probability of the count that was found)";
  return [
    "## Pictures",
    "The first images, and the scenes found in them:",
    `![Scenes](${scenes})`,
    `The images with the lowest ELBOs${confusion ? wrong : ""}. True boxes are white, found ones are coloured; below each image is its reconstruction.`,
    `![Worst images](${worst})`,
  ];
}
