/** Training as it is shown: a bar or lines while it runs, and what to know and to type when it ends. */
import type { Evaluation } from "@air-onnx/measure";
import { count, duration, percent } from "@air-onnx/measure/format";
import type { TrainEvent, TrainResult } from "@air-onnx/train";
import type { Progress } from "./progress.js";

/** A listener that shows training's events through `progress`. */
export function showTraining(progress: Progress): (event: TrainEvent) => void {
  let accuracy = "";
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
          `ELBO ${metrics.elbo?.toFixed(1) ?? "unknown"}`,
          ...(accuracy ? [`count accuracy ${accuracy}`] : []),
          `${stepsPerSecond.toFixed(1)} steps/s`,
          `${duration(secondsLeft)} left`,
        ];
        progress.update(step, steps, parts.join("  "));
        return;
      }
      case "evaluation":
        accuracy = percent(event.evaluation.countAccuracyMap);
        progress.line(`Step ${count(event.step)}: ${evaluationLine(event.evaluation)}  ${event.picture}`);
        return;
      case "checkpoint":
        return;
      default:
        event satisfies never;
    }
  };
}

/** `count accuracy 97.4 % (sampled 96.9 %), ELBO 615.20 on 2,000 held-out images`. */
export function evaluationLine({ images, elbo, countAccuracyMap, countAccuracySampled }: Evaluation): string {
  const accuracy = `count accuracy ${percent(countAccuracyMap)} (sampled ${percent(countAccuracySampled)})`;
  return `${accuracy}, ELBO ${elbo.toFixed(2)} on ${count(images)} held-out images`;
}

/** What a finished run has come to, `firstStep` being where this call began. */
export function resultLines({ evaluation, step, trainingSeconds, picture }: TrainResult, firstStep: number): string[] {
  const steps = step - firstStep;
  return [
    ...(evaluation ? [`Done: ${evaluationLine(evaluation)}`] : []),
    ...(steps > 0
      ? [
          `${count(steps)} steps took ${duration(trainingSeconds)} (${((1000 * trainingSeconds) / steps).toFixed(1)} ms/step)`,
        ]
      : ["Nothing was left to train"]),
    ...(picture ? [`Picture: ${picture}`] : []),
  ];
}
