/** A sweep as an Indexed Job of Kubernetes: a pod for each seed. */
import { mkdir } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { placeVariables, writeFileAtomic } from "@air-onnx/scenes";
import { stringify } from "yaml";
import { CommandError, exitCode, UsageError } from "../failures.js";

/** What an Indexed Job is made of. */
export interface IndexedJob {
  /** Absolute path of the sweep folder, below `mountPath`. */
  readonly sweep: string;
  /** Number of seeds. */
  readonly seeds: number;
  /** CPUs of each pod. */
  readonly cpus: number;
  /** Container image that has `air-onnx`. */
  readonly image: string;
  /** PersistentVolumeClaim that every pod can write (ReadWriteMany), and where it is mounted, here and there. */
  readonly claim: string;
  readonly mountPath: string;
}

/** Splits `CLAIM:/PATH`. @throws {UsageError} for another form, or a path that does not hold the sweep */
export function parseClaim(text: string, sweep: string): Pick<IndexedJob, "claim" | "mountPath"> {
  const [, claim, mountPath] = /^([a-z0-9][a-z0-9.-]*):(\/.*[^/])\/?$/.exec(text) ?? [];
  if (claim === undefined || mountPath === undefined) {
    throw new UsageError(`--claim takes a claim and its path, such as sweeps:/mnt/sweeps, got "${text}"`);
  }
  if (!/^(?!\.\.)[^/]/.test(relative(mountPath, sweep))) {
    throw new UsageError(`The sweep ${sweep} is not on the claim, below ${mountPath}: choose a folder there by --out`);
  }
  return { claim, mountPath };
}

/**
 * The manifest of an Indexed Job (batch/v1). Pods that the cluster evicts are started again, and go on from their newest
 * checkpoints; a seed that fails is left alone, and the others go on.
 */
export function indexedJob({ sweep, seeds, cpus, image, claim, mountPath }: IndexedJob): object {
  const name = `air-onnx-${basename(sweep)}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    // Pods add the index of their seed, and names of hosts have at most 63 characters.
    .slice(0, 52)
    .replace(/-+$/, "");
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name },
    spec: {
      completions: seeds,
      parallelism: seeds,
      completionMode: "Indexed",
      backoffLimitPerIndex: 6,
      maxFailedIndexes: seeds,
      podFailurePolicy: {
        rules: [
          { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
          { action: "FailIndex", onExitCodes: { operator: "In", values: [exitCode.failure, exitCode.usage] } },
        ],
      },
      template: {
        spec: {
          restartPolicy: "Never",
          // Longer than a checkpoint takes.
          terminationGracePeriodSeconds: 120,
          containers: [
            {
              name: "seed",
              image,
              command: ["sh", "-c", 'exec air-onnx sweep --resume "$SWEEP" --task "$JOB_COMPLETION_INDEX"'],
              env: [
                { name: "SWEEP", value: sweep },
                { name: placeVariables.cacheDir, value: join(mountPath, ".air-onnx-cache") },
              ],
              resources: { requests: { cpu: String(cpus), memory: "1Gi" }, limits: { memory: "2Gi" } },
              volumeMounts: [{ name: "sweeps", mountPath }],
            },
          ],
          volumes: [{ name: "sweeps", persistentVolumeClaim: { claimName: claim } }],
        },
      },
    },
  };
}

/**
 * Writes the manifest into the sweep folder.
 *
 * @returns its path
 */
export async function writeIndexedJob(job: IndexedJob): Promise<string> {
  const file = join(job.sweep, "kubernetes", "job.yaml");
  await mkdir(join(job.sweep, "kubernetes"), { recursive: true }).catch((cause: unknown) => {
    throw new CommandError(`Cannot write ${file}: ${String(cause)}`);
  });
  await writeFileAtomic(file, stringify(indexedJob(job)));
  return file;
}
