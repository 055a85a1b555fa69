/**
 * What fails: one operation with EIO; from one on all that need room with ENOSPC, the first write by half; the process, by
 * SIGKILL; or, in the test's own process, whatever the program does from there on (`dead`), with {@link KilledError}.
 */
export type FaultKind = "EIO" | "ENOSPC" | "kill" | "dead";

export interface FaultPlan {
  /** Only operations on paths below it count. */
  readonly root: string;
  /** The number of the operation, from 1; without it operations are only counted. */
  readonly at?: number;
  readonly kind?: FaultKind;
  /** Is told of each operation before it is done. */
  readonly onOperation?: (number: number, name: string, path: string) => void;
  /** A file for the list of operations, as JSON, when the process ends. */
  readonly report?: string;
}

export interface FileOperation {
  readonly name: string;
  readonly path: string;
}

export class KilledError extends Error {}

export function beginFaults(plan: FaultPlan): void;

/** Ends the counting, and says what was counted. */
export function endFaults(): readonly FileOperation[];
