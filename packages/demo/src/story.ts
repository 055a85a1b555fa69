/** The positions of the story's slider (attend, infer and repeat of every step) and the sentence of each. */

import { boxFromZWhere } from "@air-onnx/core";
import type { RecordedStep } from "./trace.js";
import { placeInWords, shareInWords, sideInWords } from "./words.js";

export const phases = ["attend", "infer", "repeat"] as const;
export type Phase = (typeof phases)[number];

export interface StoryPosition {
  /** 0 for the first step. */
  readonly step: number;
  readonly phase: Phase;
}

export function storyLength(maxSteps: number): number {
  return maxSteps * phases.length;
}

export function storyPosition(index: number): StoryPosition {
  return { step: Math.floor(index / phases.length), phase: phases[index % phases.length]! };
}

export interface Telling {
  /** The step; undefined if it was not run. */
  readonly step: RecordedStep | undefined;
  /** Whether the step's object is part of the scene. */
  readonly found: boolean;
  readonly sentence: string;
}

/** @param count count of the inferred scene; later steps found nothing */
export function tell(
  { step: index, phase }: StoryPosition,
  {
    steps,
    count,
    imageSize,
  }: { readonly steps: readonly RecordedStep[]; readonly count: number; readonly imageSize: number },
): Telling {
  const step = steps[index];
  const name = `Step ${index + 1}, ${phase}.`;
  if (!step)
    return { step, found: false, sentence: `${name} It never gets here: after step ${steps.length} it had stopped.` };
  const found = index < count;
  const sure = shareInWords(step.presence);
  if (!found) {
    const stop = `Is there ${index === 0 ? "anything" : "anything left"} to explain? ${sure} likely: no.`;
    return {
      step,
      found,
      sentence:
        phase === "attend"
          ? `${name} ${stop} This is where it would have looked.`
          : `${name} ${stop} ${phase === "infer" ? "Nothing is drawn." : `It stops, with ${index === 0 ? "an empty scene" : `${count === 1 ? "one object" : `${count} objects`}`}.`}`,
    };
  }
  const window = boxFromZWhere(step.zWhere, imageSize);
  const where = placeInWords(window, imageSize);
  const sentences: Record<Phase, string> = {
    attend: `${name} Is there ${index === 0 ? "anything" : "anything left"} to explain? ${sure} likely: yes. It looks ${where === "centre" ? "at the centre" : `at the ${where}`}, through a window ${sideInWords(window)} wide.`,
    infer: `${name} The glimpse becomes a short code, z_what, and the decoder draws what the code means. It cost ${step.kl.toFixed(1)} nats to say where and what.`,
    repeat: `${name} The drawing goes onto the canvas. What it explains is gone from the residual; on to the next step.`,
  };
  return { step, found, sentence: sentences[phase] };
}
