/**
 * The page without a network: its service worker is asked to take over before anything large is fetched, so that it keeps
 * it, and all models can be fetched ahead.
 */
import { type Device, downloadModel } from "@air-onnx/runtime-web";

/** Loading must not wait for long where it is slow or refused. */
const PATIENCE = 1500;

/** Resolves when the service worker answers the page's requests, or it is clear that it will not soon. */
export async function startOffline(): Promise<void> {
  // Without a secure context there is none; while developing, it would serve files of the day before.
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
    // The page works as well without it, only not offline.
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
 * Keeps the runtime of a device. Its own request for it may have been earlier than the service worker.
 *
 * @throws {Error} in words, also when no service worker answers for this page
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
 * Downloads the models that are not in the browser yet, and asks it not to throw them away.
 *
 * @param onProgress hears how many bytes of all of them are there
 * @throws {Error} in words
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
