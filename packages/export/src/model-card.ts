/**
 * The model card, README.md of an exported model: what it is, its measures, its training, and how to use it.
 */
import type { Manifest } from "@air-onnx/core";
import { count, markdownTable, measures, plain, written } from "@air-onnx/measure";

/** Facts for the model card that the manifest does not have. */
export interface CardDetails {
  /** Command that trained the model. */
  readonly command?: string;
  /** Hardware that the model was trained on, such as "2 cores of an AMD EPYC". */
  readonly hardware?: string;
  /** Minutes spent in training steps. */
  readonly trainingMinutes?: number;
  /** Result of the parity check, one sentence. */
  readonly parity?: string;
  /** How the model was converted from another form, one sentence. */
  readonly conversion?: string;
  /** Table of all seeds of the sweep that the model belongs to, Markdown. */
  readonly everySeed?: string;
}

/** The model card of an exported model, Markdown. */
export function modelCard(manifest: Manifest, details: CardDetails): string {
  const { name, model, training, metrics } = manifest;
  const made = [
    `- Data: ${training.dataset}, seed ${training.seed}, ${count(training.steps)} steps.`,
    details.command && `- Command: \`${details.command}\``,
    (details.hardware || details.trainingMinutes !== undefined) &&
      `- ${[details.hardware, details.trainingMinutes !== undefined && `${details.trainingMinutes.toFixed(1)} minutes of training`].filter(Boolean).join(", ")}.`,
    `- Exported ${training.exportedAt.slice(0, 10)}${training.commit ? ` from revision ${training.commit.slice(0, 12)}` : ""}.`,
    details.conversion && `- ${details.conversion}`,
    details.parity && `- ${details.parity}`,
  ].filter((line) => line !== undefined && line !== false && line !== "");
  const colour = model.channels === 1 ? "grey" : `${model.channels}-channel`;
  return `# ${name}

Attend-Infer-Repeat (Eslami et al., NIPS 2016) for ${colour} images of ${model.imageSize}x${model.imageSize} pixels: says how many objects
are in an image (up to ${model.maxSteps}), where they are, and what they look like. It was trained without labels.

## Results

${details.everySeed ? `Seed ${training.seed}; [every seed](#every-seed) is below.` : `One seed (${training.seed}).`}

${markdownTable({ head: ["Measure", "Value"], rows: resultRows(metrics) })}
${uncounted(metrics)}
## Training

${made.join("\n")}
${details.everySeed ? `\n## Every seed\n\n${details.everySeed}` : ""}
## Typical or not

${typicalityLines(manifest)}

## Scores

${scoreLines(manifest)}

${filesSection(manifest)}
## Use

\`\`\`ts
import { AirModel } from "@air-onnx/runtime-node";

const model = await AirModel.fromPretrained("models/${name}");
const [scene] = await model.infer({ data, width: ${model.imageSize}, height: ${model.imageSize}, channels: ${model.channels} });
console.log(scene.count, scene.objects.map((object) => object.tightBox));
await model.dispose();
\`\`\`

## Limits

- It takes images of exactly this size and number of channels, ${groundInWords(manifest)}.
- It knows objects like those of its training data; on others it reports counts and boxes all the same${manifest.typicality ? ", and `typical: false` for those that it can tell" : ""}.
- It never reports more than ${model.maxSteps} objects.
`;
}

/** A line for a model that was measured without true counts. */
function uncounted(metrics: Manifest["metrics"]): string {
  const isCounted = Object.keys(metrics).length === 0 || metrics.countAccuracyMap !== undefined;
  return isCounted ? "" : "\nHow well it counts was not measured: no true count of its images is known.\n";
}

/** The objects and the ground of the images that the model takes. */
function groundInWords({ preprocessing }: Manifest): string {
  if (!preprocessing) return "with bright objects on black";
  const { polarity, backgroundDegree } = preprocessing;
  const kinds = [...new Set(polarity)];
  const objects = kinds.length === 1 ? `${kinds[0]} objects` : `objects that are ${polarity.join(", ")} by channel,`;
  return `with ${objects} on ${backgroundDegree === 0 ? "an even" : "a smooth"} ground, which it takes away before it looks`;
}

const FILES_HEADING = "## Files";

/** The card's section on the files of the model. */
function filesSection({ model, opset, weights, license, files }: Manifest): string {
  const { channels, imageSize } = model;
  const megabytes = (size: number): string => `${(size / 1e6).toFixed(1)} MB`;
  const total = Object.values(files).reduce((sum, file) => sum + (file?.size ?? 0), 0);
  const { scene } = files;
  const taken =
    scene?.input === "uint8"
      ? `\`uint8 [batch, ${imageSize}, ${imageSize}, ${channels}]\`, the bytes of image files`
      : `\`float32 [batch, ${channels}, ${imageSize}, ${imageSize}]\`, intensities in [0, 1]`;
  const lines = [
    `ONNX opset ${opset}, weights stored as ${weights}, ${megabytes(total)} in all${license === undefined ? "" : `, licence ${license}`}.`,
    scene &&
      `\`onnx/scene.onnx\` (${megabytes(scene.size)}) is the whole model in one graph, for any ONNX engine: from \`image\`, ${taken},
to counts, boxes and all else that \`infer\` says at the posterior means. Its outputs, and the protocol of the three other graphs:
[docs/format.md](https://github.com/air-onnx/air-onnx/blob/main/docs/format.md).`,
  ];
  return `${FILES_HEADING}\n\n${lines.filter(Boolean).join("\n")}\n`;
}

/** A card with another section on the files; one that has none gets it before the section on use, or at its end. */
export function withFilesSection(card: string, manifest: Manifest): string {
  const section = filesSection(manifest);
  const parts = card.split(/^(?=## )/m).filter((part) => !part.startsWith(FILES_HEADING));
  const before = parts.findIndex((part) => part.startsWith("## Use"));
  parts.splice(before < 0 ? parts.length : before, 0, `${section}\n`);
  return parts.join("").replace(/, ONNX opset \d+, weights stored as \w+, [\d.]+ MB\.$/m, ".");
}

/** What the model says about images that are unlike its training data. */
function typicalityLines({ typicality }: Manifest): string {
  if (!typicality) {
    return "This model cannot tell images that are unlike its training data: its scenes have no `typical`. It was exported without images to fit that to.";
  }
  const { images, falseAlarms, limits } = typicality;
  return `\`scene.typical\` is false for an image that is unlike the training data, whose count is a guess: one with more than
${plain(limits.unexplained)} of unexplained intensity (Σ |image − reconstruction|, twice outside of all windows), or whose bright parts are on average
thicker than ${plain(limits.thickness)} pixels (2·Σ image / total variation). These limits were fitted to ${count(images)} held-out images, of which at most
${plain(100 * falseAlarms)} % exceed one.`;
}

/** How the scores of objects come about. */
function scoreLines({ score }: Manifest): string {
  if (!score) {
    return "The `score` of an object is its `presence`: the model was exported without objects to fit another to. It is not calibrated.";
  }
  return `The \`score\` of an object is the probability that it is really there, its tight box having an IoU of at least 0.5 with that of a true
object. It follows from the object's presence and from the share of the image in its window that is left unexplained, by a logistic
regression fitted to ${count(score.objects)} objects found in held-out images. \`threshold\` of \`infer\` leaves out objects whose score is lower.`;
}

/** Rows of the measures in the order of the table of measures, then rows of other numbers under their own names. */
function resultRows(metrics: Manifest["metrics"]): string[][] {
  const own = new Map(Object.entries(metrics));
  const known = measures.flatMap((measure) => {
    const value = measure.manifestKey === undefined ? undefined : own.get(measure.manifestKey);
    if (value === undefined) return [];
    own.delete(measure.manifestKey!);
    return [[measure.label, written(measure, value)]];
  });
  return [...known, ...[...own].map(([name, value]) => [name, plain(value)])];
}
