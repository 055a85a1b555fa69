/**
 * Tries and measures all that this machine can run on, each command under a time limit of its own:
 *
 *   ./run.sh node measure.mjs <folder for the results> [--seconds 120] [--quick]
 *
 * Each command leaves <name>.json, or what it printed, and <name>.err with its messages. `--quick` takes the smallest
 * sizes, to try this script.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "120" }, quick: { type: "boolean", default: false } },
});
const [results] = positionals;
if (results === undefined) {
  console.error("error: name a folder for the results: ./run.sh node measure.mjs results");
  process.exit(2);
}
mkdirSync(results, { recursive: true });
const here = fileURLToPath(new URL(".", import.meta.url));
const cli = join(here, "node_modules/@air-onnx/cli/bin/air-onnx.js");
const outcomes = [];

/** Runs a command to its end or its time limit; resolves to whether it succeeded. */
async function part(name, command, args, env = process.env) {
  const began = performance.now();
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(createWriteStream(join(results, `${name}.json`)));
  child.stderr.pipe(createWriteStream(join(results, `${name}.err`)));
  let ending;
  const timer = setTimeout(() => {
    ending = `stopped after ${values.seconds} s`;
    child.kill("SIGKILL");
  }, 1000 * Number(values.seconds));
  const [code, signal] = await once(child, "close").catch((cause) => {
    ending = cause.code === "ENOENT" ? "not here" : cause.message;
    return [1, null];
  });
  clearTimeout(timer);
  ending ??= code === 0 ? "done" : `ended with ${signal ?? `exit code ${code}`}, see ${name}.err`;
  const seconds = (performance.now() - began) / 1000;
  console.log(`${name}: ${ending} (${seconds.toFixed(1)} s)`);
  outcomes.push({ name, command: [command, ...args].join(" "), ending, seconds });
  writeFileSync(join(results, "parts.json"), `${JSON.stringify(outcomes, undefined, 1)}\n`);
  return code === 0;
}
const airOnnx = (name, args, env) => part(name, process.execPath, [cli, ...args, "--json"], env);

await part("nvidia-smi", "nvidia-smi", []);
if (!(await airOnnx("doctor", ["doctor"]))) process.exit(1);
const { devices } = JSON.parse(readFileSync(join(results, "doctor.json"), "utf8"));
const batches = values.quick ? ["2"] : ["64", "256", "1024"];
const images = values.quick ? ["1", "2"] : ["1", "64", "256", "1024", "4096"];
const effort = values.quick ? ["--repeats", "1"] : ["--repeats", "5"];
const check = ["--dataset", "multi-strokes", "--train-size", "640", "--batch-size", batches[0]];
let isComplete = true;
for (const { device, available } of devices) {
  if (!available) continue;
  const backend = device === "cpu" ? "onnxruntime" : `onnxruntime-${device}`;
  const perRun = values.quick ? ["--steps-per-run", "1"] : [];
  const training = ["bench", "train", "--backend", backend, "--batch", ...batches, ...effort, ...perRun];
  const inference = ["bench", "infer", "--model", join(here, "models/multi-mnist"), "--device", device];
  const succeeded = [
    // The CPU is what the others are compared with.
    device === "cpu" ||
      (await airOnnx(`check-${device}`, ["train", "--check-backends", ...check, "--backend", backend])),
    await airOnnx(`train-${device}`, training),
    await airOnnx(`infer-${device}`, [...inference, "--batch", ...images, ...effort]),
    // What NVIDIA's libraries gain by rounding to TF32, if they do.
    device !== "cuda" || (await airOnnx("train-cuda-float32", training, { ...process.env, NVIDIA_TF32_OVERRIDE: "0" })),
  ];
  isComplete &&= succeeded.every(Boolean);
}
process.exitCode = isComplete ? 0 : 1;
