/**
 * The shipped models as npm packages, `@air-onnx/model-NAME`: each folder of models/ with a package.json, the licence and nothing
 * else. `npm run models:pack -- --out <folder>` packs them, for `npm publish <folder>/<archive>`.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import { readJson, root } from "./packages.mjs";

/** Names of the shipped models: the folders of models/. */
export async function shippedModels() {
  const entries = await readdir(join(root, "models"), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}

/**
 * Writes the packages of models into a folder.
 *
 * @returns of each the folder in the repository, the folder of the package, and its package.json
 */
export async function writeModelPackages(folder, models) {
  // Models have the version of the packages that they were exported with and are read by.
  const { version, repository, license } = await readJson(join(root, "packages/runtime-node/package.json"));
  return Promise.all(
    models.map(async (name) => {
      const source = `models/${name}`;
      const target = join(folder, `model-${name}`);
      const config = await readJson(join(root, source, "config.json"));
      if (config.license !== license)
        throw new Error(`${source} is under ${config.license}, and the package's LICENSE is ${license}`);
      const files = ["config.json", ...Object.values(config.files).map(({ path }) => path)];
      const manifest = {
        name: `@air-onnx/model-${name}`,
        version,
        description: `The Attend-Infer-Repeat model ${name} as ONNX graphs, for @air-onnx/runtime-node, @air-onnx/runtime-web and any ONNX engine.`,
        keywords: ["onnx", "attend-infer-repeat", "air", "model", name],
        license,
        repository: { ...repository, directory: source },
        type: "module",
        // Every file may be asked for by its path; there is no code.
        exports: { "./*": "./*" },
        files: ["config.json", "onnx", "README.md"],
        publishConfig: { access: "public", provenance: true },
      };
      await mkdir(target, { recursive: true });
      await writeFile(join(target, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
      for (const file of [...files, "README.md"]) await cp(join(root, source, file), join(target, file));
      await cp(join(root, "LICENSE"), join(target, "LICENSE"));
      return { folder: source, cwd: target, manifest };
    }),
  );
}

/**
 * Packs models into archives in a folder.
 *
 * @returns paths of the archives
 */
export async function packModels(destination, models) {
  const staging = await mkdtemp(join(tmpdir(), "air-onnx-models-"));
  try {
    await mkdir(destination, { recursive: true });
    const archives = [];
    for (const { cwd } of await writeModelPackages(staging, models)) {
      // A shell, because npm is a script on Windows.
      const options = { cwd, shell: process.platform === "win32" };
      const packed = await promisify(execFile)("npm", ["pack", "--json", "--pack-destination", destination], options);
      archives.push(join(destination, JSON.parse(packed.stdout)[0].filename));
    }
    return archives;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values, positionals } = parseArgs({
    options: { out: { type: "string", default: "model-packages" } },
    allowPositionals: true,
  });
  const all = await shippedModels();
  const unknown = positionals.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    console.error(`No model ${unknown.join(", ")}; models/ has ${all.join(", ")}`);
    process.exitCode = 1;
  } else {
    const archives = await packModels(join(process.cwd(), values.out), positionals.length > 0 ? positionals : all);
    for (const archive of archives) console.log(archive);
  }
}
