/** What went wrong, in words, where a person reads it. */
import { byId } from "./elements.js";

export function showAlert(problem: unknown): void {
  const alert = byId("alert", HTMLElement);
  alert.textContent = problem instanceof Error ? problem.message : String(problem);
  alert.hidden = false;
}

export function clearAlert(): void {
  byId("alert", HTMLElement).hidden = true;
}

/** Catches what nobody else did, so that a failure never leaves the page silent. */
export function showUncaught(): void {
  addEventListener("error", ({ message }) => showAlert(`Something went wrong: ${message}`));
  addEventListener("unhandledrejection", ({ reason }) => {
    showAlert(`Something went wrong: ${reason instanceof Error ? reason.message : String(reason)}`);
  });
}
