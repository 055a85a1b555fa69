/**
 * Keeps the page usable without a network. The service worker takes over before anything large is fetched, so that it can
 * keep those files; all models can be downloaded ahead.
 */
import { type Device, downloadModel } from "@air-onnx/runtime-web";

/** Longest wait for the service worker before loading goes on without it, ms. */
const PATIENCE = 1500;

/** Starts the service worker. Resolves when it answers the page's requests, or after a short wait. */
export async function startOffline(): Promise<void> {
  // Service workers need a secure context; during development one would serve outdated files.
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const controlled = new Promise<void>((resolve) => {
    if (serviceWorker.controller) resolve();
    else serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
  });
  const tooLong = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE));
  try {
    await serviceWorker.register(new URL("service-worker.js", document.baseURI));
    await Promise.race([controlled, tooLong]);
  } catch (error) {
    // Without it the page works too, but not offline.
    console.info("This page will not be kept for offline use:", error);
  }
}

/** Calls back once the service worker answers this page's requests: now, or whenever it takes over. */
export function onceControlled(callback: () => void): void {
  if (!("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  if (serviceWorker.controller) callback();
  else serviceWorker.addEventListener("controllerchange", callback, { once: true });
}

/**
 * Asks the service worker to keep the runtime of a device, which may have been fetched before the worker took over.
 *
 * @throws {Error} with a message for the user, also if the page has no service worker
 */
export async function keepRuntime(device: Device): Promise<void> {
  const controller = navigator.serviceWorker?.controller;
  if (!controller) throw new Error("This browser does not keep the page for offline use.");
  const { port1, port2 } = new MessageChannel();
  const answered = new Promise<string | null>((resolve) => {
    port1.onmessage = ({ data }: MessageEvent<string | null>) => resolve(data);
  });
  controller.postMessage({ keep: device }, [port2]);
  const fault = await answered;
  port1.close();
  if (fault !== null) throw new Error(fault);
}

/**
 * Downloads the models that are not in the browser yet, and asks the browser to keep them permanently.
 *
 * @param onProgress called with the bytes of all models that have been loaded so far
 * @throws {Error} with a message for the user
 */
export async function keepModels(urls: readonly URL[], onProgress: (bytes: number) => void): Promise<void> {
  await navigator.storage?.persist?.();
  let before = 0;
  for (const url of urls) {
    let own = 0;
    await downloadModel(url, {
      onProgress: ({ loadedBytes }) => {
        own = loadedBytes;
        onProgress(before + own);
      },
    });
    before += own;
  }
}
