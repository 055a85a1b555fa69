/**
 * Does what somebody with a folder of images does, and compares with counts that nothing here was shown: draws 300 PNG files by
 * draw_own_folder.py, trains on them by default settings without a label, exports, and infers 300 other files of the same kind.
 *
 *   npm run build && node test/bench/own-folders.mjs <new folder> [--kinds bright,dark] [--seeds 0,1,2,3,4]
 *
 *   --kinds <names>    bright blobs on black, dark ones on a light ground with noise
 *   --seeds <n,…>      seeds of the training; the files are the same
 *   --python <file>    Python 3, whose standard library is all that it needs
 *   --threads <n>      threads of a training
 *
 * A run that is there goes on where it stopped. The numbers are in <folder>/KIND-SEED/result.json, too.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kinds: { type: "string", default: "bright,dark" },
    seeds: { type: "string", default: "0,1,2,3,4" },
    python: { type: "string", default: "python3" },
    threads: { type: "string", default: "1" },
  },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("Which folder? node test/bench/own-folders.mjs <new folder>");
const here = fileURLToPath(new URL(".", import.meta.url));
const cli = fileURLToPath(new URL("../../packages/cli/dist/bin.js", import.meta.url));
/** Seeds of the files to train on, and of those to count. */
const [TRAIN, OTHER] = [0, 1];

for (const kind of values.kinds.split(",")) {
  const [own, other] = [TRAIN, OTHER].map((seed) => {
    const drawn = join(folder, `${kind}-images-${seed}`);
    if (!existsSync(join(drawn, "truth.csv"))) {
      run(values.python, [join(here, "draw_own_folder.py"), drawn, "--kind", kind, "--seed", String(seed)]);
    }
    return drawn;
  });
  const rows = values.seeds.split(",").map((seed) => countBySeed(kind, seed, own, other));
  const right = rows.map((row) => row.right);
  const mean = right.reduce((sum, value) => sum + value, 0) / right.length;
  console.log(`${kind}: mean ${mean.toFixed(2)} %, worst ${Math.min(...right).toFixed(2)} % of ${right.length} seeds`);
}

function countBySeed(kind, seed, own, other) {
  const made = join(folder, `${kind}-${seed}`);
  const [trained, exported, table] = ["run", "model", "counts.csv"].map((name) => join(made, name));
  const begun = Date.now();
  if (!existsSync(join(exported, "config.json"))) {
    const goOn = existsSync(trained) ? ["--resume", trained] : [join(own, "images"), "--seed", seed, "--out", trained];
    run(process.execPath, [cli, "train", ...goOn, "--threads", values.threads]);
    run(process.execPath, [cli, "export", trained, "--out", exported]);
  }
  const seconds = (Date.now() - begun) / 1000;
  run(process.execPath, [cli, "infer", exported, join(other, "images"), "--csv", table]);
  const truth = new Map(readTable(join(other, "truth.csv")).map(({ file, count }) => [file, Number(count)]));
  const found = readTable(table);
  if (found.length !== truth.size) throw new Error(`${table} has ${found.length} rows for ${truth.size} images.`);
  const compare = (column) => {
    const errors = found.map((row) => Number(row[column]) - truth.get(row.file.split("/").at(-1)));
    if (errors.some(Number.isNaN)) throw new Error(`${table}: a count of ${column} is missing.`);
    return {
      right: (100 * errors.filter((error) => error === 0).length) / errors.length,
      meanError: errors.reduce((sum, error) => sum + Math.abs(error), 0) / errors.length,
      tooFew: errors.filter((error) => error < 0).length,
      tooMany: errors.filter((error) => error > 0).length,
    };
  };
  const result = { kind, seed: Number(seed), ...compare("count"), classical: compare("classical_count"), seconds };
  writeFileSync(join(made, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
  console.log(
    `${kind}, seed ${seed}: ${result.right.toFixed(2)} % right, mean error ${result.meanError.toFixed(3)}, ${result.tooFew} too few, ` +
      `${result.tooMany} too many; classical ${result.classical.right.toFixed(2)} %; ${seconds.toFixed(0)} s to train and export`,
  );
  return result;
}

/** Rows of a CSV file without quotes, by the names in its first line. */
function readTable(path) {
  const [names, ...rows] = readFileSync(path, "utf8")
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(","));
  return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
}

function run(command, given) {
  const { status } = spawnSync(command, given, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${command} ${given.join(" ")} ended with exit code ${status}.`);
}
