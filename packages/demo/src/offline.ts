/** The service worker's side of the page: it is asked to take over before anything large is fetched, so that it keeps it. */

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
