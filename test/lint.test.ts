/** Tests that the type-aware linter finds promises that nobody awaits. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The rules that `npm run check` reports for these files, by the file that breaks them. */
async function faultsIn(files: Readonly<Record<string, string>>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "air-onnx-lint-"));
  try {
    const compilerOptions = { strict: true, target: "ES2023", module: "NodeNext", types: [], noEmit: true };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const linter = [join(root, "node_modules/oxlint/bin/oxlint"), "-c", join(root, ".oxlintrc.json")];
    const report = await new Promise<string>((resolve) => {
      execFile(process.execPath, [...linter, "--format", "json"], { cwd: folder }, (_, stdout) => resolve(stdout));
    });
    const { diagnostics } = JSON.parse(report) as { diagnostics: { filename: string; code: string }[] };
    return diagnostics.map(({ filename, code }) => `${filename}: ${code}`).toSorted();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const saving = "async function save(): Promise<void> {}\n";

it("finds a forgotten promise, and lets an awaited one pass", async () => {
  const faults = await faultsIn({
    "awaited.ts": `${saving}await save();\nexport {};\n`,
    "callback.ts": `${saving}[1].forEach(async () => { await save(); });\nexport {};\n`,
    "condition.ts": `${saving}if (save()) console.log("saved");\nexport {};\n`,
    "forgotten.ts": `${saving}save();\nexport {};\n`,
    "script.mjs": "async function save() {}\nsave();\n",
  });
  expect(faults).toEqual([
    "callback.ts: typescript(no-misused-promises)",
    "condition.ts: typescript(no-misused-promises)",
    "forgotten.ts: typescript(no-floating-promises)",
    "script.mjs: typescript(no-floating-promises)",
  ]);
});

it("is part of npm run check", async () => {
  const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  expect(scripts.check).toMatch(/\boxlint\b/);
  expect(scripts.test).toContain("npm run check");
});
