/**
 * Packs every public package, those of the models too, and checks what would be published: the fields of its package.json, the files in its
 * archive, and what npm and publint say of it. Any fault or warning fails.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import { unpack } from "@publint/pack";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { shippedModels, writeModelPackages } from "./model-packages.mjs";
import { publicPackages, readJson, root } from "./packages.mjs";

const run = promisify(execFile);
// A shell, because npm is a script on Windows.
const npm = (args, cwd) => run("npm", args, { cwd, shell: process.platform === "win32", maxBuffer: 1 << 26 });

/** A dry run need not be logged in. */
const EXPECTED_WARNING = /requires you to be logged in to .* \(dry-run\)$/;

function manifestFaults({ folder, manifest }, version) {
  const { repository, publishConfig } = manifest;
  return [
    manifest.version !== version && `version is ${manifest.version}, others have ${version}`,
    manifest.license !== "Apache-2.0" && `license must be "Apache-2.0"`,
    !manifest.description && "description is missing",
    !(manifest.keywords?.length > 0) && "keywords are missing",
    repository?.type !== "git" && `repository.type must be "git"`,
    !repository?.url && "repository.url is missing",
    repository?.directory !== folder && `repository.directory must be "${folder}"`,
    publishConfig?.access !== "public" && `publishConfig.access must be "public"`,
    publishConfig?.provenance !== true && "publishConfig.provenance must be true",
  ].filter(Boolean);
}

/** What is wrong with an archive's files: `text` reads one. */
async function archiveFaults(files, text) {
  const faults = [];
  for (const name of ["LICENSE", "README.md"]) if (!files.has(name)) faults.push(`${name} is not in the archive`);
  if (files.has("LICENSE") && text("LICENSE") !== (await readFile(join(root, "LICENSE"), "utf8"))) {
    faults.push("LICENSE differs from the repository's");
  }
  for (const file of files) {
    if (!file.endsWith(".map")) continue;
    for (const source of JSON.parse(text(file)).sources) {
      const path = posix.join(posix.dirname(file), source);
      if (!files.has(path)) faults.push(`${file} points at ${path}, which is not in the archive`);
    }
  }
  return faults;
}

async function faultsOf(each, version, destination) {
  const cwd = each.cwd ?? join(root, each.folder);
  const [{ filename }] = JSON.parse((await npm(["pack", "--json", "--pack-destination", destination], cwd)).stdout);
  const archive = join(destination, filename);
  const bytes = await readFile(archive);
  const { files, rootDir } = await unpack(bytes);
  const contents = new Map(files.map(({ name, data }) => [posix.relative(rootDir, name), data]));
  const text = (name) => new TextDecoder().decode(contents.get(name));
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(bytes).buffer }, strict: true });
  // Of the folder, as npm checks no package.json in an archive; what packing has to build is there by now.
  const dryRun = await npm(["publish", "--dry-run", "--ignore-scripts", "--loglevel", "warn"], cwd);
  return [
    ...manifestFaults(each, version),
    ...(await archiveFaults(new Set(contents.keys()), text)),
    ...messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`),
    ...dryRun.stderr.split("\n").filter((line) => /^npm (warn|error)/.test(line) && !EXPECTED_WARNING.test(line)),
  ];
}

const packages = await publicPackages();
const { version } = await readJson(join(root, packages[0].folder, "package.json"));
const destination = await mkdtemp(join(tmpdir(), "air-onnx-release-"));
try {
  const models = await writeModelPackages(join(destination, "models"), await shippedModels());
  for (const each of [...packages, ...models]) {
    const faults = await faultsOf(each, version, destination);
    console.log(`${each.manifest.name}@${each.manifest.version}: ${faults.length === 0 ? "clean" : "not clean"}`);
    for (const fault of faults) console.error(`  ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
  }
} finally {
  await rm(destination, { recursive: true, force: true });
}
