/** A measurement as a page of Markdown that says what each number is. */
import type { AirConfig } from "@air-onnx/core";
import type { Measurement } from "@air-onnx/measure";

/** A measurement with all that it depends on. */
export interface EvaluationRecord extends Measurement {
  /** Of the run folder, or of the exported model. */
  readonly path: string;
  /** Such as `Run runs/a at step 3000`. */
  readonly what: string;
  readonly dataset: string;
  readonly split: string;
  /** The options of the data set. */
  readonly data: Readonly<Record<string, number | string>>;
  /** How these images are not those that the model's own evaluation is of, in sentences. */
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

export function evaluationReport(record: EvaluationRecord, pictures: ReportPictures): string {
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
    ...pictureSection(pictures),
  ].join("\n\n")}\n`;
}

function countSection(record: Measurement, pictures: ReportPictures): string[] {
  const { confusion, countAccuracyMapByCount, countAccuracySampledByCount } = record;
  const seen = confusion.flatMap((row, truth) => (row.some((images) => images > 0) ? [{ row, truth }] : []));
  return [
    "## Counts",
    table(
      ["count accuracy", ""],
      [
        ["most probable count", percent(record.countAccuracyMap)],
        ["sampled count", percent(record.countAccuracySampled)],
        ["at the posterior means", percent(record.countAccuracyMean)],
        ...(record.pruned ? [["without objects that explain nothing", percent(record.pruned.countAccuracy)]] : []),
      ],
    ),
    "The first two are of q(n|x) along one draw of the latents: its most probable count, and the expected share of right " +
      "counts if each is drawn from it. The third is without noise; the fourth, without objects that explain nothing, as `infer` counts.",
    table(
      ["true count", "images", "most probable", "sampled", ...confusion[0]!.map((_, n) => `found ${n}`)],
      seen.map(({ row, truth }) => [
        String(truth),
        count(row.reduce((sum, images) => sum + images, 0)),
        percent(countAccuracyMapByCount[truth]!),
        percent(countAccuracySampledByCount[truth]!),
        ...row.map(count),
      ]),
    ),
    `![Which counts are taken for which](${pictures.confusion})`,
  ];
}

function boundSection(record: EvaluationRecord): string[] {
  const { presence, elbo } = record.presencePriorFitted;
  const { type, ...settings } = record.likelihood;
  const likelihood = [type, ...Object.entries(settings).map(([key, value]) => `${key} ${value}`)].join(", ");
  return [
    "## Evidence lower bound",
    table(
      ["nats, mean per image", ""],
      [
        ["ELBO", `${nats(record.elbo)} ± ${nats(record.elboStandardError)}`],
        ["log-likelihood", nats(record.logLikelihood)],
        ["− KL where", nats(record.klWhere)],
        ["− KL what", nats(record.klWhat)],
        ["− KL count", nats(record.klCount)],
        [`ELBO if the presence prior were ${presence.toPrecision(3)}`, nats(elbo)],
      ],
    ),
    `One draw of where and what for each image, KLs analytic, the sum over the count exact; ± is the standard error over ` +
      `the images. The presence prior is ${record.presencePrior}, the likelihood ${likelihood}.` +
      (type === "bernoulli"
        ? " It is a probability of black and white pixels: where they are grey, the log-likelihood is minus a cross-entropy, and no bound."
        : "") +
      " The last row has the presence prior, the same at every step, that makes the mean ELBO largest on these images, " +
      "with everything else as it is.",
  ];
}

function importanceSection({ importanceWeighted: measured, images }: Measurement): string[] {
  const heading = "## Importance-weighted bound on log p(x)";
  if (!measured) return [heading, "Not measured: ask for it by `--iwae 100`."];
  const { samples, bound, standardError, effectiveSamples, analyticKlFormula } = measured;
  const part = measured.images < images ? ` of the first ${count(measured.images)} images` : "";
  return [
    heading,
    table(
      [`nats, mean per image, K = ${count(samples)}`, ""],
      [
        ["log 1/K Σ w", `${nats(bound)} ± ${nats(standardError)}`],
        ["log 1/K Σ exp(ELBO with analytic KLs): not a bound", nats(analyticKlFormula)],
        ["effective samples", effectiveSamples.toFixed(1)],
      ],
    ),
    `A weight${part} is w = Σ_n p(n) p(x|c_n) Π_{t≤n} p(z_t)/q(z_t|x), from sampled log-ratios: E[w] = p(x), so the ` +
      "expectation of the first row is below log p(x), and rises to it with K. ± is the standard error over the images. The " +
      "second row is what implementations of AIR have reported in its place: it can exceed log p(x), and is here for " +
      "comparison only. Effective samples are (Σ w)²/Σ w², at most K.",
  ];
}

function boxSection({ boxes }: Measurement): string[] {
  if (!boxes) return ["## Boxes", "Not measured: the true boxes of these images are not known."];
  const share = (value: number | null): string => (value === null ? "none" : percent(value));
  const number = (value: number | null): string => (value === null ? "none" : value.toFixed(3));
  return [
    "## Boxes",
    table(
      ["", ""],
      [
        ["mean IoU of matched boxes", number(boxes.meanIouMatched)],
        ["mean IoU, 0 for each without a match", number(boxes.meanIou)],
        ["precision at IoU 0.5", share(boxes.precision)],
        ["recall at IoU 0.5", share(boxes.recall)],
      ],
    ),
    `${count(boxes.foundBoxes)} found boxes against ${count(boxes.trueBoxes)} true ones in ${count(boxes.images)} images. ` +
      "Found are the windows of the most probable count at the posterior means; each is matched with at most one true box, " +
      "such that the intersections over unions (IoU) of an image add up to the most. True boxes are those of the data set. " +
      "A generator's is the square of the patch that it pasted, which can have a dark margin around the ink: a model that is " +
      "trained without boxes need not find that margin, so that even a perfect one may stay below 1.",
  ];
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

/** Of which the first column is text, the others numbers. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, column) => (column === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function percent(share: number | null): string {
  return share === null ? "" : `${(100 * share).toFixed(2)} %`;
}

function nats(value: number): string {
  return value.toFixed(2);
}
