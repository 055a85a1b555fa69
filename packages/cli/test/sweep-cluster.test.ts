/** Tests sweeps on clusters, with a scheduler of the test's own: it takes the job as Slurm does, and runs, kills and restarts its tasks. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { arrayScript, parseSbatchOptions } from "../src/cluster/slurm.js";
import { tiny, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

const settings = [...tiny, "--steps", "120", "--evaluate-every", "60", "--checkpoint-every", "20", "--threads", "1"];

/** A `sbatch` that notes what it is given, or refuses it. */
function installSbatch(refusal?: string): void {
  mkdirSync(place.at("bin"), { recursive: true });
  const body = refusal
    ? `echo "sbatch: error: ${refusal}" >&2; exit 1`
    : `echo "$@" >> '${place.at("submitted")}'; echo '42;cluster'`;
  const script = `#!/bin/sh\n[ "$1" = --version ] && { echo slurm 22.05.8; exit; }\n${body}\n`;
  writeFileSync(place.at("bin", "sbatch"), script);
  chmodSync(place.at("bin", "sbatch"), 0o755);
}

beforeEach(() => {
  installSbatch();
  vi.stubEnv("PATH", `${place.at("bin")}:${process.env.PATH}`);
});
afterEach(() => vi.unstubAllEnvs());

/** Runs a task of the job as Slurm does; once `kill` has come true, its processes are killed. */
async function runTask(script: string, index: number, restarts = 0, kill?: () => boolean) {
  const env = { ...process.env, AIR_ONNX_CACHE: place.at("cache"), SLURM_ARRAY_TASK_ID: String(index) };
  const child = spawn("sh", [script], {
    env: { ...env, ...(restarts > 0 && { SLURM_RESTART_COUNT: String(restarts) }) },
    cwd: "/",
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)));
  const ended = once(child, "close");
  while (kill && child.exitCode === null && !kill()) await sleep(5);
  if (kill) process.kill(-child.pid!, "SIGKILL");
  const [code] = await ended;
  return { code: code as number | null, output };
}

function sweepOf(path: string): { readonly seeds: readonly { readonly seed: number; readonly status: string }[] } {
  return JSON.parse(readFileSync(place.at(path, "sweep.json"), "utf8"));
}

const statuses = (path: string): string[] => sweepOf(path).seeds.map(({ status }) => status);

/** The rows of a table without minutes. */
const rows = (path: string): string[] =>
  readFileSync(place.at(path, "table.md"), "utf8")
    .split("\n")
    .filter((line) => /^\| (\d|mean|worst)/.test(line))
    .map((line) => line.split("|").toSpliced(7, 1).join("|"));

describe("an array job of Slurm", () => {
  it("gives the table of a local sweep, with a task killed and put back into the queue", {
    timeout: 600_000,
  }, async () => {
    const job = ["sweep", "--slurm", "--sbatch", "--partition=cpu --time=1:00", "--seeds", "4,7", "--out", "there"];
    const submitted = await place.run([...job, ...settings]);
    expect(submitted).toMatchObject({ code: 0, stderr: "" });
    expect(submitted.stdout).toContain("Slurm job 42 trains 2 seeds, one a task: squeue --job 42");
    const script = place.at("there", "slurm", "job.sh");
    expect(readFileSync(place.at("submitted"), "utf8")).toBe(`--parsable ${script}\n`);
    expect(readFileSync(script, "utf8")).toMatch(/^#SBATCH --array=0-1$[\s\S]*^#SBATCH --partition=cpu$/m);
    expect(statuses("there")).toEqual(["waiting", "waiting"]);

    const checkpoints = place.at("there", "seed-7", "checkpoints");
    const hasCheckpoint = (): boolean => existsSync(checkpoints) && readdirSync(checkpoints).length > 0;
    await runTask(script, 1, 0, hasCheckpoint);
    const early = await place.run(["sweep", "--collect", "there"]);
    expect(early.code).toBe(1);
    expect(early.stderr).toContain("Seed 4, 7 is not finished: it waits, is trained, or was ended.");
    expect(statuses("there")).toEqual(["waiting", "running"]);

    const again = await runTask(script, 1, 1);
    expect(again.code, again.output).toBe(0);
    expect(again.output).toMatch(/^Seed 7 on .*, put back into the queue 1 times$[\s\S]*^seed 7: going on near step/m);
    expect(await runTask(script, 0)).toMatchObject({ code: 0 });
    expect(await place.run(["sweep", "--collect", "there"])).toMatchObject({ code: 0, stderr: "" });

    expect(await place.run(["sweep", "--seeds", "4,7", "--out", "here", ...settings])).toMatchObject({ code: 0 });
    expect(rows("there")).toEqual(rows("here"));
    expect(rows("there")).toHaveLength(4);
    const newest = "checkpoints/step-00000120.safetensors";
    for (const seed of ["seed-4", "seed-7"]) {
      expect(readFileSync(place.at("there", seed, newest)).equals(readFileSync(place.at("here", seed, newest)))).toBe(
        true,
      );
    }
    // There is nothing left to submit.
    const nothing = await place.run(["sweep", "--slurm", "--resume", "there"]);
    expect(nothing).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing to train") });
    expect(readFileSync(place.at("submitted"), "utf8").trim().split("\n")).toHaveLength(1);
  });

  it("shows a seed that fails, keeps the others, and trains it again where that is asked for", {
    timeout: 600_000,
  }, async () => {
    const short = [...tiny, "--steps", "40", "--threads", "1"];
    expect(await place.run(["sweep", "--slurm", "--seeds", "2", "--out", "failing", ...short])).toMatchObject({
      code: 0,
    });
    const script = place.at("failing", "slurm", "job.sh");
    mkdirSync(place.at("failing", "seed-0"));
    writeFileSync(place.at("failing", "seed-0", "config.json"), "{");
    const failed = await runTask(script, 0);
    expect(failed.code).toBe(1);
    expect(failed.output).toContain("Seed 0 failed:");
    expect(await runTask(script, 1)).toMatchObject({ code: 0 });
    const table = await place.run(["sweep", "--collect", "failing"]);
    expect(table.code).toBe(1);
    expect(table.stderr).toMatch(/Seed 0 failed; the table says why.*--retry-failed/s);
    expect(statuses("failing")).toEqual(["failed", "finished"]);
    expect(rows("failing").some((row) => /\| 0 .*failed/.test(row))).toBe(true);

    const without = await place.run(["sweep", "--slurm", "--resume", "failing"]);
    expect(without.stdout).toContain("Nothing to train");
    expect(await place.run(["sweep", "--slurm", "--resume", "failing", "--retry-failed"])).toMatchObject({ code: 0 });
    expect(readFileSync(script, "utf8")).toMatch(/^#SBATCH --array=0$/m);
  });

  it("is refused where there is no Slurm, and nothing is written", async () => {
    vi.stubEnv("PATH", place.at("nowhere"));
    const { code, stderr } = await place.runHere(["sweep", "--slurm", "--seeds", "2", "--out", "none", ...settings]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/There is no sbatch on the PATH: --slurm needs Slurm's commands/);
    expect(existsSync(place.at("none"))).toBe(false);
  });

  it("that Slurm refuses says why, and can be submitted again", { timeout: 120_000 }, async () => {
    installSbatch("invalid partition specified: gpu");
    const refused = await place.run(["sweep", "--slurm", "--seeds", "2", "--out", "refused", ...settings]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Slurm refuses the job: sbatch: error: invalid partition specified: gpu");
    installSbatch();
    expect(await place.run(["sweep", "--slurm", "--resume", "refused"])).toMatchObject({ code: 0 });
  });

  it("has a script that shells and Slurm read, whatever the paths are", () => {
    const command = ["/usr/bin/node", "/it's here/bin.js", "--task"];
    const script = arrayScript({
      sweep: "/a b/sw",
      indices: [0, 1, 2, 5, 7, 8],
      cpus: 2,
      options: ["--mem=2G"],
      command,
    });
    expect(script).toContain("#SBATCH --array=0-2,5,7-8\n");
    expect(script).toContain("#SBATCH --output=/a\\ b/sw/slurm/task-%a.log\n");
    expect(script.endsWith(`exec '/usr/bin/node' '/it'\\''s here/bin.js' '--task' "$SLURM_ARRAY_TASK_ID"\n`)).toBe(
      true,
    );
    expect(parseSbatchOptions(" --partition=cpu  --requeue ")).toEqual(["--partition=cpu", "--requeue"]);
    expect(() => parseSbatchOptions("--mem=2G; rm")).toThrow(/"--mem=2G;" is none|"rm" is none/);
  });
});

/** The parts of batch/v1 Job that a manifest of ours uses, with their types and allowed values; nothing else passes. */
const jobSchema = z.strictObject({
  apiVersion: z.literal("batch/v1"),
  kind: z.literal("Job"),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/) }),
  spec: z.strictObject({
    completions: z.int().positive(),
    parallelism: z.int().positive(),
    completionMode: z.literal("Indexed"),
    backoffLimitPerIndex: z.int().nonnegative(),
    maxFailedIndexes: z.int().nonnegative(),
    podFailurePolicy: z.strictObject({
      rules: z
        .array(
          z.union([
            z.strictObject({
              action: z.literal("Ignore"),
              onPodConditions: z.array(
                z.strictObject({ type: z.string(), status: z.enum(["True", "False", "Unknown"]) }),
              ),
            }),
            z.strictObject({
              action: z.enum(["FailJob", "FailIndex", "Ignore", "Count"]),
              onExitCodes: z.strictObject({
                operator: z.enum(["In", "NotIn"]),
                values: z.array(z.int().positive()).max(255),
              }),
            }),
          ]),
        )
        .max(20),
    }),
    template: z.strictObject({
      spec: z.strictObject({
        // podFailurePolicy allows no other.
        restartPolicy: z.literal("Never"),
        terminationGracePeriodSeconds: z.int().nonnegative(),
        containers: z.array(
          z.strictObject({
            name: z.string(),
            image: z.string(),
            command: z.array(z.string()),
            env: z.array(z.strictObject({ name: z.string(), value: z.string() })),
            resources: z.record(z.enum(["requests", "limits"]), z.record(z.string(), z.string())),
            volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string() })),
          }),
        ),
        volumes: z.array(
          z.strictObject({ name: z.string(), persistentVolumeClaim: z.strictObject({ claimName: z.string() }) }),
        ),
      }),
    }),
  }),
});

describe("an Indexed Job of Kubernetes", () => {
  it("has a manifest that follows the schema, a pod for each seed", { timeout: 120_000 }, async () => {
    const claim = `sweeps:${place.path}`;
    const job = [
      "sweep",
      "--kubernetes",
      "--image",
      "registry/air:1",
      "--claim",
      claim,
      "--seeds",
      "3",
      "--out",
      "My_Sweep",
    ];
    const { code, stdout } = await place.run([...job, ...settings]);
    expect(code).toBe(0);
    expect(stdout).toContain("kubectl apply -f");
    const text = readFileSync(place.at("My_Sweep", "kubernetes", "job.yaml"), "utf8");
    const { metadata, spec } = jobSchema.parse(parse(text));
    expect(metadata.name).toBe("air-onnx-my-sweep");
    expect(spec).toMatchObject({ completions: 3, parallelism: 3 });
    const [container] = spec.template.spec.containers;
    // The command of a pod trains the seed of its index: run it here, with this build in place of the image's.
    expect(container!.command.join(" ")).toBe(
      'sh -c exec air-onnx sweep --resume "$SWEEP" --task "$JOB_COMPLETION_INDEX"',
    );
    expect(container!.env).toContainEqual({ name: "SWEEP", value: place.at("My_Sweep") });
    const { volumes } = spec.template.spec;
    expect(container!.volumeMounts).toEqual([{ name: volumes[0]!.name, mountPath: place.path }]);
  });

  it.each([
    [["--kubernetes"], /--kubernetes needs --image and --claim/],
    [["--kubernetes", "--image", "x", "--claim", "sweeps"], /--claim takes a claim and its path/],
    [["--kubernetes", "--image", "x", "--claim", "sweeps:/mnt/other"], /is not on the claim, below \/mnt\/other/],
    [["--kubernetes", "--slurm"], /exclude each other/],
    [["--slurm", "--sbatch", "partition"], /--sbatch takes options/],
    [["--task", "0"], /--task needs --resume/],
  ])("and its like are refused as %j, and nothing is written", async (flags, message) => {
    const { code, stderr } = await place.runHere(["sweep", ...flags, "--seeds", "2", "--out", "never", ...settings]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(place.at("never"))).toBe(false);
  });
});
