// Posts raw images to a server until so many were answered, and prints the rate, the answers by status, and the server's memory.
//
//   node examples/server/load.mjs PID [images=1000000] [images a request=200] [connections=4] [url]
//
// The images are drawn strokes. Memory is that of the process PID and its children, from /proc (Linux).
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { generateMultiStrokes } from "@air-onnx/scenes";

const [pid, images = 1_000_000, perRequest = 200, connections = 4] = process.argv.slice(2, 6).map(Number);
const url = process.argv[6] ?? "http://127.0.0.1:8080/scenes";
if (!Number.isSafeInteger(pid)) {
  console.error("usage: load.mjs PID [images] [images a request] [connections] [url]");
  process.exit(2);
}

const field = (text, name) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? 0);

/** Resident memory of the server and its children in MB. */
function residentMegabytes() {
  let kilobytes = 0;
  for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const text = readFileSync(`/proc/${id}/status`, "utf8");
      if (Number(id) === pid || field(text, "PPid") === pid) kilobytes += field(text, "VmRSS");
    } catch {
      // It has ended meanwhile.
    }
  }
  return Math.round(kilobytes / 1024);
}

const body = Buffer.from((await generateMultiStrokes({ seed: 1, size: perRequest })).images);
const agent = new Agent({ keepAlive: true, maxSockets: connections });

/** The status and the text of the answer to one request. */
function post() {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/octet-stream", "Content-Length": body.length };
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece) => {
        text += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode, text }));
      response.on("error", reject);
    });
    sent.on("error", (error) => {
      // The server may close a connection that was kept while the request is on its way.
      if (sent.reusedSocket && error.code === "ECONNRESET") resolve(post());
      else reject(error);
    });
    sent.end(body);
  });
}

const started = Date.now();
const seconds = () => (Date.now() - started) / 1000;
const answers = {};
let done = 0;
let next = 0;
let expected;
async function client() {
  while (done < images) {
    const { status, text } = await post();
    answers[status] = (answers[status] ?? 0) + 1;
    if (status !== 200) {
      await new Promise((resolve) => setTimeout(resolve, 1000)); // Retry-After
      continue;
    }
    // The same images have the same counts, whichever process inferred them.
    const counts = String(JSON.parse(text).map((scene) => scene.count));
    expected ??= counts;
    if (counts !== expected) answers.different = (answers.different ?? 0) + 1;
    done += perRequest;
    if (done < next) continue;
    next = done + images / 100;
    console.log(`${done} images, ${seconds().toFixed(0)} s, ${residentMegabytes()} MB`);
  }
}
await Promise.all(Array.from({ length: connections }, client));
agent.destroy();
console.log(`${done} images in ${seconds().toFixed(0)} s: ${(done / seconds()).toFixed(0)} images/s`);
console.log(`answers: ${JSON.stringify(answers)}`);
