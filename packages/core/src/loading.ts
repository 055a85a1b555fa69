/**
 * What loading a model has in common wherever it is loaded: its options, its progress, and its faults. Where the bytes
 * come from is each runtime's own.
 */
import { MANIFEST_FILE, type ManifestFile } from "./manifest.js";

/** Options of `fromPretrained` in every runtime. */
export interface LoadingOptions<Device extends string> {
  /** Where to run: a named device runs there or is an error; `auto` falls back, and says so through `onNotice`. */
  readonly device?: Device | "auto" | undefined;
  /** Compare every file's size and SHA-256 with the manifest. */
  readonly verify?: boolean | undefined;
  /** Called with everything that was read. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Called with a line about each thing that is not as it was asked for. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** Aborts loading, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How far loading a model is. */
export interface LoadProgress {
  /** What was read last: a file of the model, relative to its folder, or a file of the runtime. */
  readonly file: string;
  /** Bytes of all files so far. */
  readonly loadedBytes: number;
  /** Bytes of all files. It changes only if `auto` must turn to another device on the way. */
  readonly totalBytes: number;
}

/** Whether a device is there. */
export interface DeviceStatus<Device extends string> {
  /** The device that was asked about. */
  readonly device: Device;
  /** Whether it can run a graph here. */
  readonly available: boolean;
  /** Why not; absent if available. */
  readonly reason?: string;
}

/** What of a file was found to be compared with the manifest; without a hash the size alone is. */
export interface FoundFile {
  /** Size in bytes. */
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256?: string;
}

/** What is wrong with a file, in words that follow its name; `undefined` if nothing is. */
export function integrityFault(found: FoundFile, expected: ManifestFile): string | undefined {
  if (found.size !== expected.size) {
    const how = found.size < expected.size ? "is truncated" : "is too long";
    return `${how}: it has ${found.size} bytes, ${MANIFEST_FILE} says ${expected.size}`;
  }
  if (found.sha256 === undefined || found.sha256 === expected.sha256) return undefined;
  return `is damaged or was changed: its SHA-256 is ${found.sha256}, ${MANIFEST_FILE} says ${expected.sha256}`;
}
