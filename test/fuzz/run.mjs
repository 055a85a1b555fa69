/**
 * Reads damaged files for as long as is wanted: `npm run fuzz -- [INPUTS] [SEED] [READER …]`, so many inputs of each reader, each
 * reader in a process of its own, whose peak of memory is told. Without a seed it takes a new one. A failure names the seed and the
 * input that fails. AIR_ONNX_FUZZ_KEEP=FOLDER keeps the inputs that reached new code, for `corpus`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const folder = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

/** The program, bundled with what was built of the packages, beside its sources: so it finds dependencies and `corpus`. */
async function bundle() {
  const file = `${folder}long.bundle.${process.pid}.mjs`;
  const built = {
    name: "built",
    resolveId(specifier, importer) {
      const [, name, entry = "index"] = /^@air-onnx\/([\w-]+)(?:\/(.+))?$/.exec(specifier) ?? [];
      if (name) return `${root}packages/${name}/dist/${entry}.js`;
      if (!specifier.startsWith(".") || !importer) return null;
      const path = resolve(dirname(importer), specifier).replace(/(\/packages\/[\w-]+\/)src\//, "$1dist/");
      // The demo's page is not built file by file.
      return existsSync(path) ? path : null;
    },
  };
  await build({
    input: `${folder}long.ts`,
    platform: "node",
    plugins: [built],
    external: (specifier) => !/^[./]|^@air-onnx\//.test(specifier),
    output: { file, format: "esm", codeSplitting: false, sourcemap: false },
  });
  return file;
}

const [inputs = "100000", seed = String(Date.now() % 2 ** 31), ...only] = process.argv.slice(2);
const program = await bundle();
try {
  const start = (...given) =>
    spawnSync(process.execPath, [program, ...given], { encoding: "utf8", maxBuffer: 2 ** 28 });
  const listed = start();
  if (listed.status !== 0) throw new Error(listed.stderr);
  const readers = JSON.parse(listed.stdout.trim().split("\n").at(-1));
  if (![inputs, seed].every((text) => /^\d+$/.test(text)) || !only.every((name) => readers.includes(name))) {
    console.error("Usage: npm run fuzz -- [INPUTS OF EACH READER] [SEED] [READER …]");
    console.error(`Readers: ${readers.join(", ")}`);
    process.exitCode = 2;
  } else {
    for (const reader of only.length > 0 ? only : readers) {
      const began = performance.now();
      const { status, signal, stdout, stderr } = start(inputs, seed, reader);
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      if (status === 0) console.log(`seed ${seed}, ${seconds} s: ${stdout.trim().split("\n").at(-1)}`);
      else {
        console.log(`seed ${seed}, ${seconds} s: ${reader} FAILED (${signal ?? status})\n${stdout}${stderr}`);
        process.exitCode = 1;
      }
    }
  }
} finally {
  rmSync(program, { force: true });
}
