/** Shows training: a bar or lines while it runs, and the results when it ends. */
import { count, duration } from "@air-onnx/measure/format";
import { measureOf, measureRows, rowInWords } from "@air-onnx/measure/measures";
import type { AlertKind, TrainEvent, TrainResult } from "@air-onnx/train";
import { commandHere, shellWord } from "./invocation.js";
import { evaluationLine, foundLine } from "./measurement-table.js";
import type { Progress } from "./progress.js";

/** Makes a listener that shows training's events through `progress`. */
export function showTraining(progress: Progress): (event: TrainEvent) => void {
  let accuracy: readonly string[] = [];
  return (event) => {
    switch (event.type) {
      case "start": {
        const from = event.step > 0 ? `, going on from step ${count(event.step)}` : "";
        progress.line(`Training ${count(event.parameters)} parameters on ${event.engine}${from}`);
        return;
      }
      case "progress": {
        const { step, steps, metrics, stepsPerSecond, secondsLeft } = event;
        const parts = [
          `${count(step)}/${count(steps)} steps`,
          ...measureRows(metrics, [measureOf("elbo")]).map(rowInWords),
          ...accuracy,
          `${stepsPerSecond.toFixed(1)} steps/s`,
          `${duration(secondsLeft)} left`,
        ];
        progress.update(step, steps, parts.join("  "));
        return;
      }
      case "evaluation":
        accuracy = measureRows(event.evaluation, [measureOf("countAccuracyMap")]).map(rowInWords);
        progress.line(`Step ${count(event.step)}: ${evaluationLine(event.evaluation)}  ${event.picture}`);
        return;
      case "composition":
        progress.line(
          `Step ${count(event.step)}: from now on ${event.images} images of each batch are composed, of up to ` +
            `${event.objects} of ${count(event.cutOuts)} objects that the model found alone in training images`,
        );
        return;
      case "alert":
        progress.line(`Alert: ${event.message}`);
        return;
      case "training-images":
        progress.line(`Training images as the model sees them: ${event.picture}`);
        return;
      case "first-picture":
        progress.line(`Step ${count(event.step)}: first picture of what is found: ${event.picture}`);
        return;
      case "checkpoint":
        return;
      default:
        event satisfies never;
    }
  };
}

/**
 * Lines with the results of a finished run.
 *
 * @param firstStep the step at which this command began
 */
export function resultLines({ evaluation, step, trainingSeconds, picture }: TrainResult, firstStep: number): string[] {
  const steps = step - firstStep;
  return [
    ...(evaluation ? [`Done: ${evaluationLine(evaluation)}`] : []),
    ...(evaluation && !evaluation.confusion ? [foundLine(evaluation)] : []),
    ...(steps > 0
      ? [
          `${count(steps)} steps took ${duration(trainingSeconds)} (${((1000 * trainingSeconds) / steps).toFixed(1)} ms/step)`,
        ]
      : ["Nothing was left to train"]),
    ...(picture ? [`Picture: ${picture}`] : []),
  ];
}

/**
 * Lines with the command that follows a finished run.
 *
 * @param collapse alerts after which a run is of no use
 */
export function nextLines(
  path: string,
  { alerts }: Pick<TrainResult, "alerts">,
  collapse: readonly AlertKind[],
  command = commandHere(),
): string[] {
  const word = shellWord(path);
  if (!alerts.some(({ alert }) => collapse.includes(alert))) {
    return [`Next: ${command} export ${word}`, `To train it further: ${command} train --resume ${word} --extend STEPS`];
  }
  return [
    "Next: another run, with what the alerts advise. This one has not learned to count.",
    `To export it all the same: ${command} export ${word} --force`,
  ];
}
