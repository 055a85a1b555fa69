/** Prints the sizes of all built files by kind, raw and compressed. */
import { gzipSync } from "node:zlib";
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

/** Largest file that common static hosts take, bytes. */
const HOST_LIMIT = 25 * 2 ** 20;

export interface BuiltFile {
  /** Path relative to the page, with forward slashes. */
  readonly path: string;
  readonly bytes: Buffer;
}

export function printSizes(files: readonly BuiltFile[]): void {
  const rows = files.map(({ path, bytes }) => ({
    kind: kinds.findIndex(([, pattern]) => pattern.test(path)),
    path,
    raw: bytes.length,
    gzip: gzipSync(bytes).length,
  }));
  const line = (name: string, raw: number, gzip: number) =>
    `${name.padEnd(52)}${bytesInWords(raw).padStart(11)}${bytesInWords(gzip).padStart(11)}`;
  console.log(`\n${"".padEnd(52)}${"raw".padStart(11)}${"gzip".padStart(11)}`);
  kinds.forEach(([name], kind) => {
    const ofKind = rows.filter((row) => row.kind === kind).toSorted((a, b) => b.raw - a.raw);
    if (ofKind.length === 0) return;
    const sum = (of: "raw" | "gzip") => ofKind.reduce((total, row) => total + row[of], 0);
    console.log(line(name, sum("raw"), sum("gzip")));
    for (const { path, raw, gzip } of ofKind) console.log(line(`  ${path}`, raw, gzip));
  });
  for (const { path } of rows.filter(({ raw }) => raw > HOST_LIMIT)) {
    console.log(`${path} is larger than 25 MiB, which some static hosts refuse. The README says what can be left out.`);
  }
}
