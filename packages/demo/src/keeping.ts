/** The button that keeps the page and all its models for use without a network. */
import type { Device } from "@air-onnx/runtime-web";
import { byId } from "./elements.js";
import type { ModelEntry } from "./model-list.js";
import { keepModels, keepRuntime } from "./offline.js";
import { siteUrl } from "./site.js";
import { bytesInWords } from "./words.js";

export class Keeping {
  readonly button = byId("keep", HTMLButtonElement);
  readonly #kept = byId("kept", HTMLElement);

  /** Shows the button: a service worker serves the page now. */
  offer(): void {
    this.button.hidden = false;
  }

  /** Keeps the runtime, so that the opened model opens again without a network. A failure is only logged. */
  keepRuntime(device: Device | undefined): void {
    if (this.button.hidden || !device) return;
    keepRuntime(device).catch((error: unknown) => console.info("Not kept for offline use:", error));
  }

  /** @throws {Error} with a message for the user */
  async keepModels(models: readonly ModelEntry[], device: Device): Promise<void> {
    this.button.disabled = true;
    try {
      await keepRuntime(device);
      await keepModels(
        models.map(({ url }) => siteUrl(url)),
        (bytes) => {
          const total = models.reduce((sum, entry) => sum + entry.bytes, 0);
          this.#kept.textContent = `${bytesInWords(bytes)} of ${bytesInWords(total)}`;
        },
      );
      this.#kept.textContent = "Kept. This page works without a network now, with all its models.";
    } catch (error) {
      this.#kept.textContent = "";
      throw error;
    } finally {
      this.button.disabled = false;
    }
  }
}
