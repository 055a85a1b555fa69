/**
 * The place where a model runs: a worker of its own, or the page. onnxruntime is started there at once, while the model's
 * files are still being downloaded.
 */
import type { Device } from "./devices.js";
import { WorkerUnavailableError } from "./errors.js";
import type { LoadMeter } from "./load-meter.js";
import type { ModelCalls } from "./model-calls.js";
import { startOnnxRuntime, wasmFiles } from "./onnxruntime.js";
import { type OpenOptions, openModel } from "./open-model.js";
import type { ResolvedSettings } from "./settings.js";
import { WorkerModel } from "./worker-model.js";
import { WorkerThread } from "./worker-thread.js";

/** A worker or page in which onnxruntime is started, ready to open one model. */
export interface ModelHost {
  /** Whether it is a worker. */
  readonly worker: boolean;
  /** Opens the model. */
  open(options: OpenOptions): Promise<ModelCalls>;
  /** Frees the host when no model will be opened. */
  abandon(): void;
}

/** Options of {@link startHost}. */
export interface HostOptions {
  /** Whether to run in a worker; undefined uses a worker if one can be started, the page otherwise. */
  readonly worker: boolean | undefined;
  readonly settings: ResolvedSettings;
  readonly meter: LoadMeter;
  readonly onNotice: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts onnxruntime in a worker or in the page.
 *
 * @throws {WorkerUnavailableError} if a worker was requested and cannot be started
 * @throws {DeviceUnavailableError} if onnxruntime does not start
 */
export async function startHost(device: Device, options: HostOptions): Promise<ModelHost> {
  const { worker, settings, meter, onNotice, signal } = options;
  const { file, size } = wasmFiles[device];
  meter.expectRuntime(size);
  let arrived = 0;
  /** Reports the bytes that have arrived so far, at most `size`: files of another version may have more. */
  const report = (bytes: number): void => {
    const more = Math.min(bytes, size) - arrived;
    arrived += more;
    meter.add(file, more);
  };
  if (worker ?? typeof Worker !== "undefined") {
    try {
      const host = await startInWorker(device, settings, report, signal);
      report(size);
      return host;
    } catch (error) {
      if (worker || !(error instanceof WorkerUnavailableError && error.kind === "start")) throw error;
      onNotice(`running in the page, which may stall: ${error.message}`);
    }
  }
  // In a page the bytes are not counted, because that would mean replacing the page's own `fetch`.
  report(0);
  const ort = await (device === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm"));
  await startOnnxRuntime(ort, device, settings);
  report(size);
  return { worker: false, open: (opening) => openModel(ort, device, opening), abandon: () => {} };
}

async function startInWorker(
  device: Device,
  settings: ResolvedSettings,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<ModelHost> {
  const thread = new WorkerThread(device);
  try {
    await thread.call({ call: "start", settings }, { onProgress, signal });
  } catch (error) {
    thread.terminate();
    throw error;
  }
  return {
    worker: true,
    async open({ signal, ...options }) {
      await thread.call({ call: "open", options }, { signal });
      return new WorkerModel(thread, options.files.manifest);
    },
    abandon: () => thread.terminate(),
  };
}
