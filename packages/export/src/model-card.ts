/**
 * The README of an exported model: what it is, how well it does, how it was made, how to use it.
 */
import type { Manifest } from "@air-onnx/core";

export interface CardDetails {
  /** The command that trained it. */
  readonly command?: string;
  /** Such as "2 cores of an AMD EPYC". */
  readonly hardware?: string;
  readonly trainingMinutes?: number;
  /** The parity check's outcome, one sentence. */
  readonly parity?: string;
  /** How it went with every seed of the sweep that this model is of, Markdown. */
  readonly everySeed?: string;
}

/** How a metric of the manifest is called and written. */
const metricRows: readonly [key: string, label: string, write: (value: number) => string][] = [
  ["images", "Held-out images", (value) => value.toLocaleString("en")],
  ["countAccuracyMap", "Count accuracy, most probable count", percent],
  ["countAccuracySampled", "Count accuracy, sampled count (expectation)", percent],
  ["countAccuracyMean", "Count accuracy at the posterior means", percent],
  ["countAccuracyPruned", "… without objects that explain nothing, as `infer` counts", percent],
  ["elbo", "ELBO, mean per image (nats)", nats],
  ["logLikelihood", "… log-likelihood", nats],
  ["klWhere", "… minus KL of where", nats],
  ["klWhat", "… minus KL of what", nats],
  ["klCount", "… minus KL of the count", nats],
  ["presencePriorFitted", "Presence prior fitted to these images", (value) => value.toFixed(3)],
  ["elboPresencePriorFitted", "ELBO under that prior (nats)", nats],
  ["boxMeanIou", "Boxes, mean IoU with the true ones, 0 for each without a match", (value) => value.toFixed(3)],
];

/** Markdown. */
export function modelCard(manifest: Manifest, details: CardDetails): string {
  const { name, model, training, metrics, files } = manifest;
  const megabytes = Object.values(files).reduce((sum, file) => sum + file.size, 0) / 1e6;
  const results = metricRows.flatMap(([key, label, write]) =>
    metrics[key] === undefined ? [] : [`| ${label} | ${write(metrics[key])} |`],
  );
  const made = [
    `- Data: ${training.dataset}, seed ${training.seed}, ${training.steps.toLocaleString("en")} steps.`,
    details.command && `- Command: \`${details.command}\``,
    (details.hardware || details.trainingMinutes !== undefined) &&
      `- ${[details.hardware, details.trainingMinutes !== undefined && `${details.trainingMinutes.toFixed(1)} minutes of training`].filter(Boolean).join(", ")}.`,
    `- Exported ${training.exportedAt.slice(0, 10)}${training.commit ? ` from revision ${training.commit.slice(0, 12)}` : ""}, ONNX opset ${manifest.opset}, weights stored as ${manifest.weights}, ${megabytes.toFixed(1)} MB.`,
    details.parity && `- ${details.parity}`,
  ].filter((line) => line !== undefined && line !== false && line !== "");
  const colour = model.channels === 1 ? "grey" : `${model.channels}-channel`;
  return `# ${name}

Attend-Infer-Repeat (Eslami et al., NIPS 2016) for ${colour} images of ${model.imageSize}x${model.imageSize} pixels: says how many objects
are in an image (up to ${model.maxSteps}), where they are, and what they look like. It was trained without labels.

## Results

${details.everySeed ? `Seed ${training.seed}; [every seed](#every-seed) is below.` : `One seed (${training.seed}).`}

| | |
| --- | --- |
${results.join("\n")}

## Training

${made.join("\n")}
${details.everySeed ? `\n## Every seed\n\n${details.everySeed}` : ""}
## Use

\`\`\`ts
import { AirModel } from "@air-onnx/runtime-node";

const model = await AirModel.fromPretrained("models/${name}");
const [scene] = await model.infer({ data, width: ${model.imageSize}, height: ${model.imageSize}, channels: ${model.channels} });
console.log(scene.count, scene.objects.map((object) => object.box));
await model.dispose();
\`\`\`

## Limits

- It takes images of exactly this size and number of channels, with bright objects on black.
- It knows objects like those of its training data; on others it reports counts and boxes all the same.
- It never reports more than ${model.maxSteps} objects.
`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(2)} %`;
}

function nats(value: number): string {
  return value.toFixed(2);
}
