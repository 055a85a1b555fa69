/** Tests that the list of dependencies in docs/ is complete and has no others. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Manifest {
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const readManifest = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(root, folder, "package.json"), "utf8")) as Manifest;

it("names every direct dependency, and no removed one", async () => {
  const whole = await readManifest(".");
  const manifests = [whole, ...(await Promise.all(whole.workspaces!.map(readManifest)))];
  const used = new Set(
    manifests
      .flatMap(({ dependencies, devDependencies }) => Object.keys({ ...dependencies, ...devDependencies }))
      .filter((name) => !name.startsWith("@air-onnx/")),
  );
  const rows = (await readFile(join(root, "docs/dependencies.md"), "utf8")).matchAll(/^\| ([^|]+) \|/gm);
  const listed = [...rows]
    .flatMap(([, names]) => names!.split(","))
    .map((name) => name.trim().replace(/ \d+$/, ""))
    .filter((name) => !/^(dependency|tool|---)$/.test(name));
  expect([...new Set(listed)].toSorted()).toEqual([...used].toSorted());
});
