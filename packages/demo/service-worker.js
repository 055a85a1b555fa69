/**
 * Keeps the page working without a network. Every file of the build is kept under its version, a hash of its contents. A
 * file that did not change between two builds is not fetched again, and one that the build no longer names is deleted.
 *
 * The page's own files are kept at once, the runtime's binaries when they are first used or when the page asks for it. Models
 * are kept by the runtime, which requests their manifests again whenever there is a network.
 */
const { versions, shell, runtimes } = self.BUILD;
const CACHE = "air-onnx-demo";
const root = new URL("./", self.location.href).href;

const keyOf = (path) => `${root}${path}?version=${versions[path]}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      // Bypasses the browser's HTTP cache, which may still hold the file of the build before.
      await Promise.all(shell.map((path) => keep(cache, path, "no-cache")));
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      const kept = new Set(Object.keys(versions).map(keyOf));
      const requests = await cache.keys();
      await Promise.all(requests.filter(({ url }) => !kept.has(url)).map((request) => cache.delete(request)));
      // Serves the first visit too, so that its files are kept.
      await self.clients.claim();
    })(),
  );
});

/** Handles `{ keep: device }`; the answer on the message's port is null, or the reason of a failure. */
self.addEventListener("message", (event) => {
  const [port] = event.ports;
  const path = runtimes[event.data?.keep];
  if (port === undefined || path === undefined) return;
  event.waitUntil(
    caches
      .open(CACHE)
      // The file's name holds a hash of its contents, so any cached copy is the right one.
      .then((cache) => keep(cache, path, "default"))
      .then(
        () => port.postMessage(null),
        (error) => port.postMessage(String(error)),
      ),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(root)) return;
  const path = request.url.slice(root.length).replace(/[?#].*$/, "") || "index.html";
  if (path in versions) event.respondWith(serve(request, path));
});

async function keep(cache, path, mode) {
  if (await cache.match(keyOf(path))) return;
  const response = await fetch(`${root}${path}`, { cache: mode });
  if (!response.ok) throw new Error(`${path} could not be kept: ${response.status}`);
  await cache.put(keyOf(path), response);
}

async function serve(request, path) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(keyOf(path));
  if (kept) return kept;
  const response = await fetch(request);
  // A failure to keep the file, such as a full disk, must not stop the page.
  if (response.status === 200) cache.put(keyOf(path), response.clone()).catch(() => {});
  return response;
}
