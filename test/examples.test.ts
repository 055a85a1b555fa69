/** The examples run as a reader runs them: by the command in examples/README.md, on the built packages. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { AirModel } from "@air-onnx/runtime-node";
import { encodePng, generateMultiStrokes, writeFileAtomic, writeNpz } from "@air-onnx/scenes";
import { build } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchChromium } from "./browser/chromium.js";
import { StaticServer } from "./browser/static-server.js";
import { chromium, PYTHON, python, ray, transformers } from "./requirements/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const examples = join(root, "examples");
const MINUTE = 60_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-examples-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (program: string, example: string, ...args: string[]) =>
  promisify(execFile)(program, [join("examples", example), ...args], {
    cwd: root,
    env: { ...process.env, AIR_ONNX_CACHE: join(folder, "cache") },
  });

it("train-from-code, then export-own-model", { timeout: 5 * MINUTE }, async () => {
  const trained = join(folder, "run");
  const model = join(folder, "model");
  const training = await run(process.execPath, "train-from-code.mjs", trained, "20");
  expect(training.stderr).toBe("");
  expect(training.stdout).toMatch(/^step 20: ELBO -?\d+\.\d nats, \d+\.\d % counted right$/m);
  expect(training.stdout).toMatch(/^20 steps in \d+ s: /m);

  const exported = await run(process.execPath, "export-own-model.mjs", trained, model);
  expect(exported.stderr).toBe("");
  expect(exported.stdout).toContain("Parity on 100 held-out images");
  const opened = await AirModel.fromPretrained(model);
  expect(opened.manifest).toMatchObject({ name: "from-code", weights: "float16", training: { steps: 20 } });
  await opened.dispose();
});

it("infer-file", { timeout: MINUTE }, async () => {
  const { stdout, stderr } = await run(process.execPath, "infer-file.mjs");
  expect(stderr).toBe("");
  const [summary, ...boxes] = stdout.trim().split("\n");
  expect(summary).toMatch(/^2 objects, with probability (0\.9\d\d|1\.000)$/);
  expect(boxes).toHaveLength(2);
  for (const box of boxes) expect(box).toMatch(/^ {2}x -?[\d.]+ to [\d.]+, y -?[\d.]+ to [\d.]+, there with/);

  const small = join(folder, "small.png");
  await writeFileAtomic(small, encodePng({ width: 8, height: 8, channels: 1, data: new Uint8Array(64) }));
  await expect(run(process.execPath, "infer-file.mjs", small)).rejects.toThrow(/8x8, this model takes 50x50/);
});

for (const name of ["multi-mnist", "multi-mnist-local"]) {
  python.it(
    `use-graphs-from-python counts and redraws as the runtime does: ${name}`,
    { timeout: 2 * MINUTE },
    async () => {
      const npz = join(folder, `images-for-${name}.npz`);
      const scenes = await generateMultiStrokes({ seed: 5, size: 60 });
      await writeNpz(npz, scenes);
      const model = join(root, "models", name);
      const { stdout } = await run(PYTHON, "use-graphs-from-python.py", model, npz, "60");

      await using air = await AirModel.fromPretrained(model);
      const images = Float32Array.from(scenes.images, (value) => value / 255);
      const inferred = await air.infer(images);
      const pixels = images.length / inferred.length;
      const lines = inferred.map(({ count, objects, reconstruction }, i) => {
        const error = reconstruction.reduce((sum, value, at) => sum + Math.abs(value - images[i * pixels + at]!), 0);
        const corners = objects.map(({ box }) => ` (${box.xmin.toFixed(1)}, ${box.ymin.toFixed(1)})`);
        return `image ${i}: ${count} objects, mean error ${(error / pixels).toFixed(3)}${corners.join("")}`;
      });
      expect(rounded(stdout)).toEqual(rounded(lines.join("\n")));
    },
  );
}

python.it("scene-from-python counts and locates as the runtime does", { timeout: MINUTE }, async () => {
  const npz = join(folder, "images-for-scene.npz");
  const scenes = await generateMultiStrokes({ seed: 5, size: 8 });
  await writeNpz(npz, scenes);
  const model = join(root, "models/multi-mnist");
  const { stdout } = await run(PYTHON, "scene-from-python.py", model, npz);
  await using air = await AirModel.fromPretrained(model);
  const inferred = await air.infer(Float32Array.from(scenes.images, (value) => value / 255));
  const lines = inferred.map(({ count, objects }, i) => {
    const found = objects.map(({ tightBox, score }) => {
      return ` (${Object.values(tightBox)
        .map((edge) => edge.toFixed(0))
        .join(", ")}) ${score.toFixed(3)}`;
    });
    return `image ${i}: ${count} objects${found.join("")}`;
  });
  expect(inferred.some(({ count }) => count > 1)).toBe(true);
  expect(rounded(stdout)).toEqual(rounded(lines.join("\n")));
});

transformers.it("scene-with-transformers counts and locates as infer-file does", { timeout: MINUTE }, async () => {
  const { stdout } = await run(process.execPath, "scene-with-transformers.mjs");
  expect(stdout).toContain("2 objects\n(21, 21, 32, 36) 1.000\n(29, 3, 42, 20) 1.000\n");
});

ray.it("ray finds in workers what one process finds, and each image once", { timeout: 5 * MINUTE }, async () => {
  const at = (name: string): string => join(folder, `ray-${name}`);
  await writeNpz(at("images.npz"), await generateMultiStrokes({ seed: 6, size: 600 }));
  const { stdout } = await run(PYTHON, "ray/to_parquet.py", at("images.npz"), at("images"));
  expect(stdout).toBe(`600 images in ${at("images")}\n`);
  const model = join(root, "models/multi-mnist");
  const alone = await run(PYTHON, "ray/scenes.py", model, at("images"), at("alone"), "--one-process");
  const workers = await run(PYTHON, "ray/scenes.py", model, at("images"), at("workers"), "--workers", "2");
  for (const each of [alone, workers]) expect(each.stdout).toMatch(/^600 images, 600 of them different, in /m);
  const compare = `import sys, pyarrow.parquet as pq
one, other = (pq.read_table(path).sort_by("id").to_pydict() for path in sys.argv[1:])
print(one == other, max(one["count"]))`;
  const compared = await promisify(execFile)(PYTHON, ["-c", compare, at("alone"), at("workers")]);
  expect(compared.stdout).toMatch(/^True [1-9]/);
});

/** The numbers of a text: the last digit that is printed may be rounded either way. */
function rounded(text: string): unknown[] {
  const numbers = text.match(/-?\d+(\.\d+)?/g) ?? [];
  return numbers.map((number) => {
    const [, decimals] = number.split(".");
    if (decimals === undefined) return Number(number);
    return expect.closeTo(Number(number), decimals.length - 1);
  });
}

chromium.it("run-in-a-page", { timeout: 2 * MINUTE }, async () => {
  const site = join(folder, "site");
  await build({ root: join(examples, "run-in-a-page"), logLevel: "error", build: { outDir: site, emptyOutDir: true } });
  const server = await StaticServer.start({ "/": site });
  const browser = await launchChromium({ webgpu: false });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(server.origin);
    const answer = page.locator("#answer");
    const isReady = () => !document.querySelector("#answer")?.textContent?.startsWith("Loading");
    await page.waitForFunction(isReady, undefined, { timeout: MINUTE });
    expect(errors).toEqual([]);
    expect(await answer.textContent()).toBe("2 objects, found on wasm");
    expect(server.requests).toContain("/multi-mnist/onnx/step.onnx");
  } finally {
    await browser.close();
    await server.stop();
  }
});

chromium.it("scene-in-a-page", { timeout: 2 * MINUTE }, async () => {
  const onnxruntime = join(root, "node_modules/onnxruntime-web/dist");
  const server = await StaticServer.start({
    "/examples/": examples,
    "/models/": join(root, "models"),
    "/onnxruntime/": onnxruntime,
  });
  const browser = await launchChromium({ webgpu: false });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/examples/${"scene-in-a-page.html"}`);
    const isReady = () => !document.querySelector("#answer")?.textContent?.startsWith("Loading");
    await page.waitForFunction(isReady, undefined, { timeout: MINUTE });
    // What infer-file prints of the same picture.
    expect(await page.locator("#answer").textContent()).toBe("2 objects: (21, 21, 32, 36) (29, 3, 42, 20)");
  } finally {
    await browser.close();
    await server.stop();
  }
});

it("each example is in the README, and is run here or by server.test.ts", async () => {
  const readme = await readFile(join(examples, "README.md"), "utf8");
  const self = await readFile(fileURLToPath(import.meta.url), "utf8");
  for (const name of await readdir(examples)) {
    if (name === "README.md" || name.endsWith(".png")) continue;
    expect(readme, name).toContain(`(${name})`);
    if (name === "server") continue;
    // Of a folder, each program is.
    expect(self.includes(`"${name}"`) || self.includes(`"${name}/`), name).toBe(true);
  }
});
