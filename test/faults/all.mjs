/**
 * The command line under kill -9, at every file operation of `train`, `train --resume` and `export`, with the real engine:
 *
 *     node test/faults/all.mjs [EVERY]
 *
 * takes each EVERY-th operation (default 1). After each kill the user's next command has to end with the parameters, or the
 * model, of a run that nobody disturbed. It needs a build, and ends with 1 at the first that does not.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const every = Number(process.argv[2] ?? 1);
const bin = fileURLToPath(new URL("../../packages/cli/dist/bin.js", import.meta.url));
const hook = new URL("file-faults.mjs", import.meta.url).href;
const place = mkdtempSync(join(tmpdir(), "air-onnx-faults-"));
const at = (...names) => join(place, ...names);

function airOnnx(args, fault) {
  const { status, signal, stderr } = spawnSync(process.execPath, [...(fault ? ["--import", hook] : []), bin, ...args], {
    cwd: place,
    encoding: "utf8",
    env: { ...process.env, AIR_ONNX_CACHE: at("cache"), ...(fault && { AIR_ONNX_FAULT: JSON.stringify(fault) }) },
  });
  return { status, signal, stderr };
}

function succeed(args, fault) {
  const { status, stderr } = airOnnx(args, fault);
  if (status !== 0) throw new Error(`air-onnx ${args.join(" ")} ended with ${status}: ${stderr}`);
}

const sizes = ["lstmSize", "predictorSize", "encoderSize", "decoderSize", "zWhatSize"];
const train = [
  ...[
    "train",
    "--train-size",
    "40",
    "--test-size",
    "10",
    "--batch-size",
    "4",
    "--steps-per-run",
    "5",
    "--threads",
    "1",
  ],
  ...["--steps", "20", "--evaluate-every", "10", "--checkpoint-every", "10", "--architecture", "reference"],
  ...sizes.flatMap((size) => ["--set", `model.${size}=4`]),
];
const exported = (run, model) => ["export", run, "--out", model, "--overwrite", "--images", "4", "--backend", "cpu"];

/** Of parameters and moments after the last step. */
function finalHash(run) {
  return JSON.parse(readFileSync(at(run, "checkpoints", "step-00000020.json"), "utf8")).sha256;
}

function modelHashes(model) {
  return JSON.stringify(JSON.parse(readFileSync(at(model, "config.json"), "utf8")).files);
}

function expectSame(what, found, expected) {
  if (found !== expected) throw new Error(`${what}: found ${found}, expected ${expected}`);
}

/** Kills `command` at its operations below `root`, one after the other; `recover` looks at what the next command makes of it. */
function killEach(what, { prepare, command, root, recover }) {
  prepare();
  const report = at("report.json");
  succeed(command, { root: at(root), report });
  const operations = JSON.parse(readFileSync(report, "utf8"));
  let kills = 0;
  for (let number = 1; number <= operations.length; number += every) {
    prepare();
    const { signal } = airOnnx(command, { root: at(root), at: number, kind: "kill" });
    const { name, path } = operations[number - 1];
    const where = `${what}, killed at operation ${number}, ${name} of ${path}`;
    expectSame(`${where}: signal`, signal, "SIGKILL");
    recover(where);
    kills++;
  }
  console.log(
    `${what}: ${kills} of ${operations.length} file operations, each with a kill; all went on as undisturbed`,
  );
}

function recoverRun(where) {
  succeed(
    existsSync(at("work", "run", "config.json")) ? ["train", "--resume", "work/run"] : [...train, "--out", "work/run"],
  );
  expectSame(where, finalHash("work/run"), finalHash("whole"));
  const left = readdirSync(at("work", "run")).filter((name) => name.startsWith(".") || name.startsWith("lock"));
  expectSame(`${where}: files left`, left.join(), "");
}

try {
  succeed([...train, "--out", "whole"]);
  // The kill is before the last checkpoint.
  const half = { root: at("half"), at: 100, kind: "kill" };
  airOnnx([...train, "--out", "half/run"], half);
  killEach("train", {
    prepare: () => rmSync(at("work"), { recursive: true, force: true }),
    command: [...train, "--out", "work/run"],
    root: "work",
    recover: recoverRun,
  });
  killEach("train --resume", {
    prepare: () => {
      rmSync(at("work"), { recursive: true, force: true });
      cpSync(at("half"), at("work"), { recursive: true });
    },
    command: ["train", "--resume", "work/run"],
    root: "work",
    recover: recoverRun,
  });
  succeed(exported("whole", "model"));
  killEach("export --overwrite", {
    prepare: () => {
      rmSync(at("models"), { recursive: true, force: true });
      cpSync(at("model"), at("models", "it"), { recursive: true });
    },
    command: exported("whole", "models/it"),
    root: "models",
    recover: (where) => {
      succeed(exported("whole", "models/it"));
      expectSame(where, modelHashes("models/it"), modelHashes("model"));
      expectSame(`${where}: files left`, readdirSync(at("models")).join(), "it");
    },
  });
} finally {
  rmSync(place, { recursive: true, force: true });
}
