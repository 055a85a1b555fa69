/**
 * The program of one seed's process. It trains what its parent asks for, and stops in good order, with a checkpoint, when
 * its parent closes the channel between them or is gone, however it went.
 */
import { once } from "node:events";
import { resumeRun, startRun } from "../run-training.js";
import { type SeedJob, type SeedMessage, STOPPED_EXIT_CODE } from "./seed-job.js";

const stopping = new AbortController();
const stop = (): void => stopping.abort(new Error("The seed was stopped"));
process.once("disconnect", stop);
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.once(signal, stop);
// Nobody may be there to read what is said while stopping.
process.stderr.on("error", () => {});
const tell = (message: SeedMessage): void => {
  if (process.connected) process.send!(message);
};

/** Errors that JavaScript itself throws: the program is at fault, and its stack says where. */
const bugs = [TypeError, ReferenceError, SyntaxError];

async function jobFromParent(): Promise<SeedJob | undefined> {
  if (!process.connected) return undefined;
  try {
    const [job] = (await once(process, "message", { signal: stopping.signal })) as [SeedJob];
    return job;
  } catch {
    // Stopped before there was anything to do.
    return undefined;
  }
}

const job = await jobFromParent();
// The channel alone is no reason to go on living.
process.channel?.unref();
if (!job) process.exit(STOPPED_EXIT_CODE);
try {
  const onNotice = (line: string): void => tell({ type: "notice", line });
  const { signal } = stopping;
  const options = {
    signal,
    onNotice,
    places: { mnistDir: job.mnistDir, cacheDir: job.cacheDir, onNotice },
  };
  const result = await (job.config ? startRun(job.path, job.config, options) : resumeRun(job.path, options));
  process.exitCode = result.finished ? 0 : STOPPED_EXIT_CODE;
} catch (cause) {
  if (stopping.signal.aborted && cause === stopping.signal.reason) {
    process.exitCode = STOPPED_EXIT_CODE;
  } else {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    tell({
      type: "failed",
      reason: bugs.some((Bug) => error instanceof Bug) ? (error.stack ?? error.message) : error.message,
    });
    process.exitCode = 1;
  }
}
// Open handles, such as the channel's, are no reason to stay.
if (process.connected) process.disconnect();
