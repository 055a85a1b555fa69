/**
 * One competitor of inference.mjs: a checkout's runtime-node with one model, in a process of its own. It answers one line
 * of JSON on standard output to each on standard input:
 *   {"batch": 64, "calls": 4}  ->  {"wall": ms a call, "cpu": ms a call, "rss": bytes}
 *
 *   node inference-worker.mjs <checkout> <model folder> <file of float32 images> <threads> <device>
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [checkout, folder, imagesFile, threads, device] = process.argv.slice(2);
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const began = performance.now();
const { AirModel } = await import(pathToFileURL(resolve(checkout, "packages/runtime-node/dist/index.js")).href);
const imported = performance.now();
const model = await AirModel.fromPretrained(folder, { device, threads: Number(threads) }).catch((cause) => {
  if (cause.name !== "DeviceUnavailableError") throw cause;
  say({ unavailable: cause.message });
  process.exit(0);
});
const loaded = performance.now();
const { buffer, byteOffset, byteLength } = readFileSync(imagesFile);
const images = new Float32Array(buffer, byteOffset, byteLength / 4);
const { channels, imageSize } = model.config;
const length = channels * imageSize ** 2;

const run = (first, batch) => model.infer(images.subarray(first * length, (first + batch) * length));

const beforeFirst = performance.now();
await run(0, 1);
const ready = {
  import: imported - began,
  load: loaded - imported,
  first: performance.now() - beforeFirst,
};
say({ ready, version: `Node ${process.version}` });
// Warms up: the second call with few images opens the loop graph.
await run(0, 1);

for await (const line of createInterface({ input: process.stdin })) {
  const { batch, calls } = JSON.parse(line);
  await run(0, batch);
  const cpuBegan = process.cpuUsage();
  const wallBegan = performance.now();
  for (let call = 0; call < calls; call++) await run((call * batch) % (images.length / length - batch + 1), batch);
  const wall = (performance.now() - wallBegan) / calls;
  const { user, system } = process.cpuUsage(cpuBegan);
  say({
    wall,
    cpu: (user + system) / 1000 / calls,
    rss: process.memoryUsage.rss(),
  });
}
await model.dispose();
