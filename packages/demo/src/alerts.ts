/** Shows errors to the user in the page's alert. */
import { ModelDisposedError } from "@air-onnx/runtime-web";
import { byId } from "./elements.js";

export function showAlert(problem: unknown): void {
  // A model is disposed of when another is open in its place: nobody waits any more for what it was about to do, such as dream.
  if (problem instanceof ModelDisposedError) return;
  const alert = byId("alert", HTMLElement);
  alert.textContent = problem instanceof Error ? problem.message : String(problem);
  alert.hidden = false;
}

export function clearAlert(): void {
  byId("alert", HTMLElement).hidden = true;
}

/** Shows uncaught errors and rejections, so that no failure is silent. */
export function showUncaught(): void {
  addEventListener("error", ({ message }) => showAlert(`Something went wrong: ${message}`));
  addEventListener("unhandledrejection", ({ reason }) => {
    showAlert(`Something went wrong: ${reason instanceof Error ? reason.message : String(reason)}`);
  });
}
