/**
 * Engines that run a scene file, for scene-file.mjs. Each takes images `[n, C, S, S]` and gives the values of all images of each
 * of {@link OUTPUTS}.
 */
import { execFile } from "node:child_process";
import { createReadStream, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { InferenceSession, Tensor } from "../../packages/runtime-node/dist/onnxruntime.js";
import { findChromium, howToGetOne } from "../browser/find-chromium.mjs";
import { here, root, temporaryFolder } from "./competitors.mjs";

const OUTPUTS = ["count", "count_probabilities", "score", "box", "tight_box"];

/** One call of the scene file in Node. */
export async function scenesInNode(session, { channels, imageSize }, images, outputs = OUTPUTS) {
  const shape = [images.length / (channels * imageSize ** 2), channels, imageSize, imageSize];
  return session.run({ image: new Tensor("float32", images, shape) }, outputs);
}

async function inNode({ folder, config, images, batch }) {
  const session = await InferenceSession.create(join(folder, "onnx/scene.onnx"), { intraOpNumThreads: 1 });
  const size = batch * config.channels * config.imageSize ** 2;
  const found = Object.fromEntries(OUTPUTS.map((name) => [name, []]));
  for (let first = 0; first < images.length; first += size) {
    const results = await scenesInNode(session, config, images.subarray(first, first + size));
    for (const name of OUTPUTS) for (const value of results[name].data) found[name].push(value);
  }
  await session.release();
  return found;
}

const scratch = temporaryFolder();

function imagesFile(images) {
  const path = join(scratch, "images.f32");
  writeFileSync(path, new Uint8Array(images.buffer, images.byteOffset, images.byteLength));
  return path;
}

/** What an engine wrote: a file for each output, `count` as int32 and the others as float32. */
function written(folder) {
  return Object.fromEntries(
    OUTPUTS.map((name) => {
      const { buffer, byteOffset, byteLength } = readFileSync(join(folder, name));
      const own = buffer.slice(byteOffset, byteOffset + byteLength);
      return [name, name === "count" ? new Int32Array(own) : new Float32Array(own)];
    }),
  );
}

function emptyFolder() {
  const folder = join(scratch, "found");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  return folder;
}

async function inPython({ folder, images, batch, python }) {
  const found = emptyFolder();
  const program = [join(here, "scene_file.py"), folder, imagesFile(images), found, String(batch), ...OUTPUTS];
  await promisify(execFile)(python, program);
  return written(found);
}

const types = { ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };

const inBrowser =
  (provider) =>
  async ({ folder, config, images, batch }) => {
    const executablePath = findChromium();
    if (!executablePath) throw new Error(`There is no Chromium here. ${howToGetOne}.`);
    const found = emptyFolder();
    const files = { "/images": imagesFile(images), "/scene.onnx": join(folder, "onnx/scene.onnx") };
    const server = createServer((request, response) => {
      if (request.url === "/") return response.setHeader("content-type", "text/html").end("<!doctype html>");
      const path = files[request.url] ?? join(root, "node_modules/onnxruntime-web/dist", request.url);
      response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream");
      createReadStream(path)
        .on("error", () => response.writeHead(404).end())
        .pipe(response);
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    const args = ["--no-sandbox", "--enable-unsafe-webgpu", "--enable-dawn-features=disable_workgroup_init"];
    const browser = await chromium.launch({ executablePath, args });
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(0);
      await page.exposeFunction("keep", (name, text) => {
        writeFileSync(join(found, name), Buffer.from(text, "base64"), { flag: "a" });
      });
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      await page.evaluate(runInPage, [provider, config.channels, config.imageSize, batch, OUTPUTS]);
      return written(found);
    } finally {
      await browser.close();
      server.close();
    }
  };

/** Runs in the page. */
async function runInPage([provider, channels, side, batch, outputs]) {
  const ort = await import(`/ort.${provider}.min.mjs`);
  ort.env.wasm.wasmPaths = `${location.origin}/`;
  ort.env.wasm.numThreads = 1;
  const images = new Float32Array(await (await fetch("/images")).arrayBuffer());
  const session = await ort.InferenceSession.create("/scene.onnx", { executionProviders: [provider] });
  const size = batch * channels * side ** 2;
  for (let first = 0; first < images.length; first += size) {
    const part = images.slice(first, first + size);
    const shape = [part.length / (channels * side ** 2), channels, side, side];
    const results = await session.run({ image: new ort.Tensor("float32", part, shape) }, outputs);
    for (const name of outputs) {
      const { data } = results[name];
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      await globalThis.keep(name, btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
    }
  }
}

export const sceneEngines = { node: inNode, python: inPython, wasm: inBrowser("wasm"), webgpu: inBrowser("webgpu") };
