// Counts and locates the objects of images that are posted to it: a model behind HTTP, as a service runs it.
//
//   node examples/server/server.mjs [model]
//
// Settings are environment variables, see README.md.
import { createServer } from "node:http";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { ImageError, ModelPool, ModelPoolError } from "@air-onnx/runtime-node";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [location = here("../../models/multi-mnist")] = process.argv.slice(2);

/** A whole number from the environment. */
function setting(name, fallback, least = 1) {
  const text = process.env[name] ?? String(fallback);
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  console.error(`${name} must be a whole number from ${least} to 999999999, got "${text}"`);
  process.exit(2);
}
const host = process.env.HOST ?? "127.0.0.1";
const port = setting("PORT", 8080, 0);
const processes = setting("PROCESSES", availableParallelism());
const maxQueue = setting("MAX_QUEUE", 64, 0);
const timeLimit = setting("TIME_LIMIT", 10_000);
const bodyLimit = setting("BODY_LIMIT", 8 * 1024 * 1024);
const stopLimit = setting("STOP_LIMIT", 10_000);

// The model is in processes of its own: this thread only reads and writes, and a request can be given up at any time.
const pool = await ModelPool.open(location, { processes, maxQueue });
const { imageSize, channels } = pool.config;

/** An answer other than 200, with the reason as a sentence. */
class Refusal extends Error {
  constructor(code, message, headers = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}
const busy = () => new Refusal(503, "busy: try again later", { "Retry-After": "1" });

const imageTypes = ["image/png", "image/jpeg", "image/webp", "image/tiff"];
const rawType = "application/octet-stream";

/** The routes: what is answered to a request, as a value that becomes JSON. */
const routes = {
  "/health": {
    GET: () => {
      if (isStopping) throw busy();
      return { status: "ok", model: pool.manifest.name, running: pool.running, queued: pool.queued };
    },
  },
  "/scenes": {
    // An image file of any size: one scene. Raw 8-bit images of the model's size, one after the other: a list of scenes.
    POST: async (request, signal) => {
      const type = request.headers["content-type"]?.split(";")[0].trim().toLowerCase();
      if (type !== rawType && !imageTypes.includes(type)) {
        throw new Refusal(415, `Content-Type must be ${[...imageTypes, rawType].join(", ")}`);
      }
      // Before the body takes memory.
      if (isStopping || (pool.queued >= maxQueue && pool.running >= processes)) throw busy();
      const body = await read(request);
      if (type !== rawType) {
        const [scene] = await pool.infer([body], { signal, timeLimit });
        return answerOf(scene);
      }
      const scenes = await pool.infer(rawImages(body), { signal, timeLimit, pixels: false });
      return scenes.map(answerOf);
    },
  },
};

/** The body, refused as soon as it is longer than the limit. */
async function read(request) {
  const tooLong = () => new Refusal(413, `the body has more than ${bodyLimit} bytes`);
  if (Number(request.headers["content-length"]) > bodyLimit) throw tooLong();
  const pieces = [];
  let size = 0;
  // Not for await, which would destroy the connection before the refusal is written.
  await new Promise((resolve, reject) => {
    request.on("data", (piece) => {
      size += piece.length;
      if (size > bodyLimit) {
        request.pause();
        reject(tooLong());
      } else pieces.push(piece);
    });
    request.on("end", resolve);
    request.on("error", reject);
    request.on("close", () => reject(new Error("the connection was closed")));
  });
  return Buffer.concat(pieces);
}

function rawImages(body) {
  const length = imageSize * imageSize * channels;
  if (body.length === 0 || body.length % length !== 0) {
    const size = `${imageSize}x${imageSize}x${channels} = ${length}`;
    throw new Refusal(400, `the body must have a multiple of ${size} bytes, and has ${body.length}`);
  }
  return Array.from({ length: body.length / length }, (_, i) => ({
    data: body.subarray(i * length, (i + 1) * length),
    width: imageSize,
    height: imageSize,
    channels,
  }));
}

function answerOf({ count, objects, typical }) {
  return { count, typical, objects: objects.map(({ tightBox, score }) => ({ box: tightBox, score })) };
}

/** What an error means to the client. */
function refusalOf(error) {
  if (error instanceof Refusal) return error;
  if (error instanceof ImageError) return new Refusal(400, error.message);
  if (error instanceof ModelPoolError) {
    if (error.kind === "full" || error.kind === "closed") return busy();
    if (error.kind === "time") return new Refusal(504, error.message);
  }
  console.error(error);
  return new Refusal(500, "the image could not be inferred");
}

async function respond(request, response) {
  const gone = new AbortController();
  response.once("close", () => gone.abort(new Error("the client is gone")));
  const path = request.url.split("?")[0];
  let code = 200;
  let headers = {};
  let answer;
  try {
    const methods = routes[path];
    if (!methods || !Object.hasOwn(routes, path)) throw new Refusal(404, "there are /health and /scenes");
    if (!Object.hasOwn(methods, request.method)) {
      const allowed = Object.keys(methods).join(", ");
      throw new Refusal(405, `${path} takes ${allowed}`, { Allow: allowed });
    }
    answer = await methods[request.method](request, gone.signal);
  } catch (error) {
    if (gone.signal.aborted || response.destroyed) return;
    const refusal = refusalOf(error);
    ({ code, headers } = refusal);
    answer = { error: refusal.message };
  }
  // A body that was not read would be taken for the next request.
  if (!request.complete || isStopping) headers = { ...headers, Connection: "close" };
  const text = `${JSON.stringify(answer)}\n`;
  response.writeHead(code, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

// A client that sends its headers or its body slowly does not hold a connection for ever.
const server = createServer(
  { requestTimeout: timeLimit, headersTimeout: timeLimit },
  (request, response) => void respond(request, response),
);
server.keepAliveTimeout = 60_000;
// Memory is bounded by this many bodies.
server.maxConnections = 4 * (processes + maxQueue);

let isStopping = false;
async function stop() {
  if (isStopping) process.exit(1); // A second signal.
  isStopping = true;
  // No new connections. Requests that are open are finished, at most for the limit; after it, connections are cut.
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  await pool.dispose({ timeLimit: stopLimit });
  const cut = setTimeout(() => server.closeAllConnections(), 1000);
  await closed;
  clearTimeout(cut);
}
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => void stop());

server.on("error", (error) => {
  console.error(`Cannot listen on ${host}:${port}: ${error.message}`);
  void pool.dispose().then(() => process.exit(1));
});
server.listen(port, host, () => {
  console.log(`${pool.manifest.name} on http://${host}:${server.address().port}`);
});
