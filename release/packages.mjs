/** The packages that are published: their folder from the root, and their package.json. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

export const readJson = async (path) => JSON.parse(await readFile(path, "utf8"));

export async function publicPackages() {
  const { workspaces } = await readJson(join(root, "package.json"));
  const packages = await Promise.all(
    workspaces.map(async (folder) => ({ folder, manifest: await readJson(join(root, folder, "package.json")) })),
  );
  return packages.filter(({ manifest }) => !manifest.private);
}
