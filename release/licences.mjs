/**
 * Lists what users install beside the packages, by licence, and fails where a licence is not one of those that the
 * project accepts. Read from package-lock.json, so that every platform's packages are in the list. `--all` lists
 * development tools, too.
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
const byLicence = new Map();
for (const [path, entry] of Object.entries(packages)) {
  if (!path.includes("node_modules/") || entry.link) continue;
  if (!withTools && (entry.dev || entry.devOptional)) continue;
  const licence = entry.license ?? "none stated";
  const name = `${path.split("node_modules/").at(-1)}@${entry.version}`;
  byLicence.set(licence, (byLicence.get(licence) ?? new Set()).add(name));
}
for (const [licence, names] of [...byLicence].toSorted(([a], [b]) => a.localeCompare(b))) {
  console.log(`${licence}: ${[...names].toSorted().join(", ")}`);
}
const refused = [...byLicence.keys()].filter((licence) => !ACCEPTED.includes(licence));
if (!withTools && refused.length > 0) {
  console.error(`Not among the accepted licences: ${refused.join(", ")}`);
  process.exitCode = 1;
}
