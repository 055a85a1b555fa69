/**
 * `npm run bundle:check`: makes a bundle and uses it where there is nothing: an empty environment, another home folder, no
 * Node.js in PATH and, where `unshare` may take it away, no network. Minutes.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { bundle } from "./stage.mjs";

const run = promisify(execFile);
const MOST = 60e6;
/** The programs that a machine must have. */
const NEEDED = ["sh", "sed", "dirname", "tr", "ls", "mkdir", "cat", "xargs", "gzip", "tar", "sha256sum"];

const scratch = mkdtempSync(join(tmpdir(), "air-onnx-bundle-check-"));
const path = join(scratch, "programs");
const home = join(scratch, "home");
for (const folder of [path, home]) mkdirSync(folder);
for (const name of NEEDED) {
  symlinkSync(execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim(), join(path, name));
}
const offline = await run("unshare", ["--net", "true"]).then(
  () => ["unshare", "--net"],
  (cause) => {
    console.log(`The network stays: unshare may not take it away (${cause.message.trim().split("\n").at(-1)})`);
    return [];
  },
);

/** Runs a command in the empty environment, and fails unless its output matches. */
async function expectOutput(cwd, args, expected) {
  const [command, ...rest] = [...offline, ...args];
  const { stdout, stderr } = await run(command, rest, {
    cwd,
    env: { PATH: path, HOME: home },
    maxBuffer: 1 << 26,
  }).catch((cause) => {
    throw new Error(`${args.join(" ")}: ${cause.message}\n${cause.stdout}`);
  });
  if (!expected.test(stdout)) throw new Error(`${args.join(" ")} printed no ${expected}:\n${stdout}\n${stderr}`);
  if (/warning/i.test(stderr)) throw new Error(`${args.join(" ")} warned:\n${stderr}`);
  console.log(`ok: ${args.join(" ")}`);
}

try {
  const pieces = join(scratch, "pieces");
  const made = await bundle({ out: pieces, maxPiece: MOST, say: (line) => console.log(line) });
  for (const { name, bytes } of made.pieces) {
    console.log(`${name}: ${(bytes / 1e6).toFixed(1)} MB`);
    if (bytes > MOST) throw new Error(`${name} is larger than ${MOST} bytes`);
  }
  // unshare finds its command by the PATH that it is given.
  if (offline.length > 0) {
    offline[0] = execFileSync("sh", ["-c", "command -v unshare"], { encoding: "utf8" }).trim();
  }
  const sh = join(path, "sh");
  await expectOutput(scratch, [sh, join(pieces, "unpack.sh"), "there"], /Unpacked into .*there: air-onnx-/);
  const there = join(scratch, "there", made.folder);
  const before = readdirSync(there, { recursive: true }).length;
  const airOnnx = join(there, "air-onnx");
  await expectOutput(there, [airOnnx, "--help"], /Attend-Infer-Repeat/);
  await expectOutput(there, [airOnnx, "doctor"], /^device cpu +works$[\s\S]*^backend onnxruntime +works$/m);
  await expectOutput(there, [airOnnx, "infer", "models/multi-mnist", "examples/two-digits.png"], /\b2\b/);
  await expectOutput(there, [join(there, "run.sh"), "node", "examples/infer-file.mjs"], /^2 objects/);
  const runFolder = join(scratch, "run");
  const drawn = ["--dataset", "multi-strokes", "--train-size", "640", "--test-size", "64"];
  await expectOutput(scratch, [airOnnx, "train", ...drawn, "--steps", "40", "--out", runFolder], /40 steps took/);
  await expectOutput(scratch, [airOnnx, "export", runFolder, "--out", join(scratch, "model")], /model/);
  await expectOutput(scratch, [airOnnx, "infer", join(scratch, "model"), join(there, "examples/two-digits.png")], /\d/);
  await expectOutput(
    there,
    [join(there, "run.sh"), "node", "measure.mjs", join(scratch, "results"), "--quick"],
    /^infer-cpu: done/m,
  );
  const { measured } = JSON.parse(readFileSync(join(scratch, "results/train-cpu.json"), "utf8"));
  if (measured.length !== 1) throw new Error("measure.mjs measured no training on the CPU");
  const after = readdirSync(there, { recursive: true }).length;
  if (after !== before) throw new Error(`The commands left ${after - before} files in the bundle's own folder`);
  console.log("The bundle works on its own.");
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
