/** Copies packages and what they need at run time, without what only compilers, browsers and other systems read. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, extname, join, sep } from "node:path";

/** Extensions of the files that Node.js loads. */
const LOADED = new Set([".js", ".cjs", ".mjs", ".json", ".wasm"]);
const LICENCE = /^(licen[cs]e|notice|copying|copyright|third.?party)/i;
/** Folders of tests and of builds for other places than Node.js; packages within a package are copied by themselves. */
const LEFT_OUT = new Set(["node_modules", "test", "tests", "miniprogram", "wasm-out"]);

/** What TensorFlow.js asks for in browsers alone: three quarters of all files, none of which Node.js loads. */
const POLYFILLS = new Set(["core-js", "regenerator-runtime"]);

/** A package that lacks a dependency, or has none of the files that it should. */
export class BundleError extends Error {
  name = "BundleError";
}

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** The folder of the dependency `name` of the package in `from`, found as Node.js finds it; undefined if nowhere. */
function locate(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, "node_modules", name);
    if (existsSync(join(place, "package.json"))) return realpathSync(place);
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * The packages that the package in `entry` needs at run time, itself included: name and folder.
 *
 * @param {string} entry
 * @returns {{ name: string, folder: string }[]}
 * @throws {BundleError} if a dependency is not installed
 */
export function productionPackages(entry) {
  const found = new Map();
  const visit = (folder) => {
    if (found.has(folder)) return;
    const { name, dependencies = {}, optionalDependencies = {} } = manifestOf(folder);
    found.set(folder, { name, folder });
    for (const dependency of new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies)])) {
      if (POLYFILLS.has(dependency)) continue;
      const place = locate(dependency, folder);
      if (place !== undefined) visit(place);
      else if (!(dependency in optionalDependencies)) {
        throw new BundleError(`${name} needs ${dependency}, which is not installed: run npm ci`);
      }
    }
  };
  visit(realpathSync(entry));
  return [...found.values()];
}

/**
 * Copies {@link productionPackages} into `target`/node_modules.
 *
 * @param {string} entry folder of the package that is run
 * @param {string} target folder that gets them
 * @param {{ replaced?: Readonly<Record<string, string>> }} [options] folders to take packages from, by name
 * @returns {{ name: string, version: string }[]} the packages, with the versions that were copied
 * @throws {BundleError} if a dependency is not installed, or a package of this repository is not built
 */
export function copyProductionPackages(entry, target, { replaced = {} } = {}) {
  const packages = productionPackages(entry);
  const nameOf = new Map(packages.map(({ name, folder }) => [folder, name]));
  // A package in the node_modules of another one, such as a second version, stays there.
  const placeOf = (folder) => {
    const name = nameOf.get(folder);
    const suffix = join(sep, "node_modules", name);
    const owner = folder.endsWith(suffix) ? folder.slice(0, -suffix.length) : undefined;
    return join(nameOf.has(owner) ? placeOf(owner) : target, "node_modules", name);
  };
  return packages.map(({ name, folder }) => {
    const source = replaced[name] ?? folder;
    copyPackage(source, placeOf(folder));
    return { name, version: manifestOf(source).version };
  });
}

function copyPackage(folder, to) {
  const manifest = manifestOf(folder);
  const isOwn = manifest.name.startsWith("@air-onnx/");
  if (isOwn && !existsSync(join(folder, "dist"))) {
    throw new BundleError(`${manifest.name} is not built: run npm run build`);
  }
  // Of TensorFlow.js Node.js loads one file of each package; the others are the same code for other places.
  const only = /^@tensorflow\/tfjs/.test(manifest.name) ? new Set([join(manifest.main), "package.json"]) : undefined;
  copyTree(folder, to, (path) => {
    const [name, extension] = [basename(path), extname(path)];
    if (LICENCE.test(name)) return true;
    if (manifest.name === "onnxruntime-node" && path.startsWith(`bin${sep}`)) {
      return path.includes(join(sep, process.platform, process.arch, sep)) && !name.includes("tensorrt");
    }
    if (only !== undefined) return only.has(path) || extension === ".wasm";
    return LOADED.has(extension);
  });
}

function copyTree(folder, to, isKept, inside = "") {
  for (const entry of readdirSync(join(folder, inside), { withFileTypes: true })) {
    const path = join(inside, entry.name);
    if (entry.isDirectory()) {
      if (!LEFT_OUT.has(entry.name)) copyTree(folder, to, isKept, path);
    } else if (entry.isFile() && isKept(path)) copyFile(join(folder, path), join(to, path));
  }
}

/** Copies a file, making the folder that it goes to. */
export function copyFile(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}
