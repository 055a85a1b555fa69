/** Prints what a visitor downloads: every file of the build by kind, raw and compressed. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { bytesInWords } from "../src/words.js";

const kinds: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["html", /\.html$/],
  ["css", /\.css$/],
  ["js", /\.m?js$/],
  ["wasm", /\.wasm$/],
  ["models", /^models\//],
  ["samples", /^samples\//],
  ["other", /./],
];

export function sizeReport(): Plugin {
  let outDir = "";
  return {
    name: "air-onnx-size-report",
    apply: "build",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    closeBundle: {
      order: "post",
      sequential: true,
      async handler() {
        const entries = await readdir(outDir, { recursive: true, withFileTypes: true });
        const rows = await Promise.all(
          entries
            .filter((entry) => entry.isFile())
            .map(async (entry) => {
              const file = join(entry.parentPath, entry.name);
              const bytes = await readFile(file);
              const path = relative(outDir, file).replaceAll(sep, "/");
              const kind = kinds.findIndex(([, pattern]) => pattern.test(path));
              return { kind, path, raw: bytes.length, gzip: gzipSync(bytes).length };
            }),
        );
        const line = (name: string, raw: number, gzip: number) =>
          `${name.padEnd(52)}${bytesInWords(raw).padStart(11)}${bytesInWords(gzip).padStart(11)}`;
        console.log(`\n${"".padEnd(52)}${"raw".padStart(11)}${"gzip".padStart(11)}`);
        kinds.forEach(([name], kind) => {
          const files = rows.filter((row) => row.kind === kind).toSorted((a, b) => b.raw - a.raw);
          if (files.length === 0) return;
          const sum = (of: "raw" | "gzip") => files.reduce((total, row) => total + row[of], 0);
          console.log(line(name, sum("raw"), sum("gzip")));
          for (const { path, raw, gzip } of files) console.log(line(`  ${path}`, raw, gzip));
        });
      },
    },
  };
}
