/** Opens the chosen model on the chosen device, and shows how far that is, where it runs, and how fast. */
import { type AirModel, type Device, ModelFileError } from "@air-onnx/runtime-web";
import { showAlert } from "./alerts.js";
import { byId } from "./elements.js";
import type { ModelEntry } from "./model-list.js";
import { openEntry } from "./offered-models.js";
import { PaceMeter } from "./pace.js";
import { bytesInWords, deviceName, sentence } from "./words.js";

type DeviceChoice = Device | "auto";

/** Time between two readings of the pace, ms. */
const READ_PACE_EVERY = 500;

/** An open model and its entry in the list of models. */
export interface Opened {
  readonly entry: ModelEntry;
  readonly model: AirModel;
}

export class ModelLoading {
  /** How long inferences of the open model take. */
  readonly pace = new PaceMeter();
  readonly #deviceSelect = byId("device", HTMLSelectElement);
  readonly #statusText = byId("status-text", HTMLElement);
  readonly #progress = byId("progress", HTMLProgressElement);
  readonly #loading = byId("loading", HTMLElement);
  readonly #notices = byId("notices", HTMLElement);
  #opened: Opened | undefined;
  /** Aborts the running load when the user chooses again. */
  #now: AbortController | undefined;

  /** @param onDevice called when the user chooses another device */
  constructor(onDevice: () => void) {
    this.#deviceSelect.addEventListener("change", onDevice);
    setInterval(() => this.#showPace(), READ_PACE_EVERY);
  }

  /** The model that was opened last, until another is open. */
  get opened(): Opened | undefined {
    return this.#opened;
  }

  /**
   * Opens a model in the place of the one before; where that fails, it says so and the one before stays open.
   *
   * @returns whether it is open now; it is not if the user chose another meanwhile
   */
  async open(entry: ModelEntry): Promise<boolean> {
    this.#now?.abort();
    const loading = new AbortController();
    this.#now = loading;
    this.#progress.hidden = false;
    this.#progress.value = 0;
    this.#loading.hidden = this.#opened !== undefined;
    this.#loading.textContent = "You can draw already; the network is on its way.";
    this.#statusText.textContent = `Loading ${entry.title}…`;
    try {
      return await this.#replace(entry, loading.signal);
    } catch (error) {
      if (!loading.signal.aborted) this.#failed(entry, error);
      return false;
    }
  }

  async #replace(entry: ModelEntry, signal: AbortSignal): Promise<boolean> {
    const notices: string[] = [];
    const model = await openEntry(entry, {
      device: this.#deviceSelect.value as DeviceChoice,
      signal,
      onNotice: (line) => notices.push(line),
      onProgress: ({ loadedBytes, totalBytes }) => {
        if (!signal.aborted) this.#showProgress(loadedBytes, totalBytes);
      },
    });
    if (signal.aborted) {
      await model.dispose();
      return false;
    }
    const previous = this.#opened;
    this.#opened = { entry, model };
    this.pace.clear();
    this.#progress.hidden = true;
    this.#loading.hidden = true;
    this.#notices.textContent = notices.join(" ");
    this.#notices.hidden = notices.length === 0;
    this.#statusText.textContent = `Runs on ${deviceName(model.device)}`;
    await previous?.model.dispose();
    return true;
  }

  #showProgress(loadedBytes: number, totalBytes: number): void {
    this.#progress.value = loadedBytes / totalBytes;
    this.#statusText.textContent = `${bytesInWords(loadedBytes)} of ${bytesInWords(totalBytes)}`;
    if (loadedBytes < totalBytes) return;
    // Compiling takes a while and reports no progress.
    this.#progress.removeAttribute("value");
    this.#statusText.textContent = "Starting…";
  }

  #failed(entry: ModelEntry, error: unknown): void {
    this.#progress.hidden = true;
    const isOffline = error instanceof ModelFileError && error.kind === "unreachable" && !navigator.onLine;
    const reason = isOffline
      ? "there is no network, and it was not kept for offline use"
      : error instanceof Error
        ? error.message
        : String(error);
    const advice = this.#deviceSelect.value === "webgpu" ? " Choose “auto” or “WebAssembly” to run without it." : "";
    showAlert(`The model ${entry.name} could not be opened: ${sentence(reason)}${advice}`);
    const still = this.#opened;
    this.#loading.hidden = still !== undefined;
    this.#loading.textContent = "No network to look at it.";
    this.#statusText.textContent = still
      ? `Still ${still.entry.title} on ${deviceName(still.model.device)}`
      : "Not loaded";
    if (still?.entry === entry) this.#deviceSelect.value = still.model.device;
  }

  #showPace(): void {
    const pace = this.pace.read(performance.now());
    if (!this.#opened || !pace || !this.#progress.hidden) return;
    const frames = pace.framesPerSecond > 1 ? `, ${pace.framesPerSecond} frames/s` : "";
    const text = `${deviceName(this.#opened.model.device)}: ${pace.milliseconds.toFixed(1)} ms per image${frames}`;
    if (this.#statusText.textContent !== text) this.#statusText.textContent = text;
  }
}
