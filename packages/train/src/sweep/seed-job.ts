/** What a sweep and the processes of its seeds tell each other. */
import type { TrainConfig } from "../config.js";

/** What a seed's process is to train. */
export interface SeedJob {
  /** The run folder. */
  readonly path: string;
  /** The configuration of a run that does not exist yet; undefined to go on with the run that is there. */
  readonly config: TrainConfig | undefined;
  readonly mnistDir: string | undefined;
  readonly cacheDir: string | undefined;
}

export type SeedMessage =
  /** Something was repaired or fallen back to. */
  { readonly type: "notice"; readonly line: string } | { readonly type: "failed"; readonly reason: string };

/** The exit code of a process that was stopped and saved a checkpoint: that of a shell's SIGTERM. */
export const STOPPED_EXIT_CODE = 143;
