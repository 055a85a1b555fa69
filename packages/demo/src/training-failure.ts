/** Tells why a training stopped, and says what a visitor can do. */
import { TrainingDivergedError } from "@air-onnx/trainer";
import type { FailureKind } from "./training-messages.js";

/** What engines and onnxruntime say when memory runs out. */
const NO_MEMORY = /out of memory|memory access out of bounds|allocat|bad_alloc|cannot enlarge memory|aborted\(/i;

export function failureKind(error: unknown): FailureKind {
  if (error instanceof TrainingDivergedError) return "diverged";
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return NO_MEMORY.test(text) ? "memory" : "other";
}

/** The sentence for the visitor, and whether the training can go on from its last state. */
export function failureInWords(
  kind: FailureKind,
  message: string,
): { readonly text: string; readonly canGoOn: boolean } {
  switch (kind) {
    case "diverged":
      return {
        text: `The training stopped: its numbers are not finite any more (${message}). Going on would end the same way.`,
        canGoOn: false,
      };
    case "memory":
      return {
        text: `The training stopped, as the browser has no memory left for it (${message}). Close other tabs, then go on from the last state.`,
        canGoOn: true,
      };
    case "other":
      return { text: `The training stopped: ${message}`, canGoOn: true };
    default:
      return kind satisfies never;
  }
}
