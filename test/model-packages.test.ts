/** Tests the npm packages of the shipped models: packed, installed into a clean project, and opened by their names. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { packModels, shippedModels, writeModelPackages } from "../release/model-packages.mjs";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const runtime = new URL("../packages/runtime-node/dist/index.js", import.meta.url).href;
const MINUTES = 60_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-model-packages-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("are there for each shipped model, with all that its config.json names", async () => {
  const models = await shippedModels();
  expect(models).toContain("multi-mnist");
  const { version } = JSON.parse(await readFile(join(root, "packages/runtime-node/package.json"), "utf8")) as {
    version: string;
  };
  for (const { cwd, manifest, folder: source } of await writeModelPackages(join(folder, "written"), models)) {
    expect(manifest).toMatchObject({ name: `@air-onnx/model-${basename(source)}`, version });
    for (const file of ["config.json", "onnx/encoder.onnx", "onnx/step.onnx", "onnx/decoder.onnx", "onnx/scene.onnx"]) {
      // Compared as a whole: an assertion on each of millions of bytes takes minutes.
      expect((await readFile(join(cwd, file))).equals(await readFile(join(root, source, file))), file).toBe(true);
    }
  }
});

it("open by name once they are installed", { timeout: 4 * MINUTES }, async () => {
  const [archive] = await packModels(folder, ["multi-mnist"]);
  const project = await mkdtemp(join(folder, "project-"));
  const dependencies = { "@air-onnx/model-multi-mnist": `file:${archive}` };
  await writeFile(join(project, "package.json"), JSON.stringify({ type: "module", dependencies }));
  const options = { cwd: project, shell: process.platform === "win32" };
  await run("npm", ["install", "--ignore-scripts", "--offline", "--no-audit", "--no-fund"], options);
  await writeFile(
    join(project, "by-name.js"),
    `import { AirModel, isCached, modelFolder } from ${JSON.stringify(runtime)};
const name = "@air-onnx/model-multi-mnist";
const air = await AirModel.fromPretrained(name);
const [scene] = await air.infer({ data: new Uint8Array(2500), width: 50, height: 50, channels: 1 });
await air.dispose();
const found = { name: air.manifest.name, count: scene.count, isCached: await isCached(name), folder: await modelFolder(name) };
console.log(JSON.stringify(found));
`,
  );
  // Started from another folder, it is the program's own project that has the package.
  for (const cwd of [project, tmpdir()]) {
    const { stdout, stderr } = await run(process.execPath, [join(project, "by-name.js")], { cwd });
    expect(stderr).toBe("");
    const { folder: opened, ...rest } = JSON.parse(stdout) as { folder: string };
    expect(rest).toEqual({ name: "multi-mnist", count: 0, isCached: true });
    expect((await readdir(opened)).toSorted()).toEqual(["LICENSE", "README.md", "config.json", "onnx", "package.json"]);
  }
});
