/** Keeps the state of the page in its address, and copies it on demand. */
import { showAlert } from "./alerts.js";
import { byId } from "./elements.js";
import { type Permalink, writePermalink } from "./permalink.js";

export class PageAddress {
  readonly #state: () => Permalink | undefined;
  /** Whether something changed since the address was written. */
  #isDue = false;

  /** @param state the page's state; undefined while it has none */
  constructor(state: () => Permalink | undefined) {
    this.#state = state;
    // A visitor may reload or leave right after a stroke or a key.
    for (const end of ["pointerup", "keyup", "pagehide"]) addEventListener(end, () => this.writeIfChanged());
    byId("copy-link", HTMLButtonElement).addEventListener("click", () => void this.#copy().catch(showAlert));
  }

  /** Says that the state is another than the address has. */
  changed(): void {
    this.#isDue = true;
  }

  writeIfChanged(): void {
    if (this.#isDue) this.#write();
  }

  #write(): void {
    const state = this.#state();
    if (!state) return;
    this.#isDue = false;
    history.replaceState(null, "", writePermalink(state));
  }

  async #copy(): Promise<void> {
    this.#write();
    const copied = byId("copied", HTMLElement);
    try {
      await navigator.clipboard.writeText(location.href);
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = "The browser did not allow it; the link is in the address bar.";
    }
  }
}
