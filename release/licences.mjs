/**
 * Lists what users install beside the packages, by licence, and fails where a licence is not one of those that the
 * project accepts. Read from package-lock.json, so that every platform's packages are in the list. Optional peers, which
 * users install themselves, are listed apart, with what comes with them. `--all` lists development tools, too.
 */
import { join } from "node:path";
import { readJson, root } from "./packages.mjs";

/** Permissive licences, by their SPDX expressions. */
const ACCEPTED = [
  "0BSD",
  "Apache-2.0",
  "Apache-2.0 AND MIT",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
  "(MIT OR CC0-1.0)",
];

const withTools = process.argv.includes("--all");
const { packages } = await readJson(join(root, "package-lock.json"));

/** Names of packages with versions, by licence. */
function licencesOf(entries) {
  const byLicence = new Map();
  for (const [path, entry] of entries) {
    const licence = entry.license ?? "none stated";
    const name = `${path.split("node_modules/").at(-1)}@${entry.version}`;
    byLicence.set(licence, (byLicence.get(licence) ?? new Set()).add(name));
  }
  return [...byLicence].toSorted(([a], [b]) => a.localeCompare(b));
}

/** The optional peers of our packages that are installed here for tests, and what npm installs with them. */
function optionalPeers() {
  const found = new Set();
  const visit = (name) => {
    const path = `node_modules/${name}`;
    const entry = packages[path];
    if (!entry || found.has(path)) return;
    found.add(path);
    for (const each of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) visit(each);
  };
  for (const [path, { peerDependenciesMeta = {} }] of Object.entries(packages)) {
    if (path.startsWith("packages/") && !path.includes("node_modules/")) {
      for (const [name, { optional }] of Object.entries(peerDependenciesMeta)) if (optional) visit(name);
    }
  }
  return [...found].map((path) => [path, packages[path]]);
}

const print = (licences, indent = "") => {
  for (const [licence, names] of licences) console.log(`${indent}${licence}: ${[...names].toSorted().join(", ")}`);
};
const installed = licencesOf(
  Object.entries(packages).filter(
    ([path, { link, dev, devOptional }]) =>
      path.includes("node_modules/") && !link && (withTools || !(dev || devOptional)),
  ),
);
print(installed);
const peers = licencesOf(optionalPeers());
if (peers.length > 0) console.log("Only where users install them (optional peers, see docs/dependencies.md):");
print(peers, "  ");
const refused = installed.map(([licence]) => licence).filter((licence) => !ACCEPTED.includes(licence));
if (!withTools && refused.length > 0) {
  console.error(`Not among the accepted licences: ${refused.join(", ")}`);
  process.exitCode = 1;
}
