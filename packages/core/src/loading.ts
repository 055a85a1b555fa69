/**
 * Options, progress reports and errors of loading a model, which all runtimes share. Where the bytes come from is each
 * runtime's own.
 */
import { MANIFEST_FILE, type ManifestFile } from "./manifest.js";

/** Options of `fromPretrained` in every runtime. */
export interface LoadingOptions<Device extends string> {
  /**
   * Device to run on. If a named device is not available, loading fails; `auto` falls back to another one and reports
   * that through `onNotice`.
   */
  readonly device?: Device | "auto" | undefined;
  /** Whether to compare every file's size and SHA-256 with the manifest. */
  readonly verify?: boolean | undefined;
  /** Called whenever a file, or a part of one, has been read. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Called with one line about each thing that differs from what was asked for. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** Aborts loading, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Progress of loading a model. */
export interface LoadProgress {
  /** File that was read last: a file of the model, relative to its folder, or a file of the runtime. */
  readonly file: string;
  /** Bytes of all files that have been read so far. */
  readonly loadedBytes: number;
  /** Bytes of all files. It changes only if `auto` has to switch to another device while loading. */
  readonly totalBytes: number;
}

/** Availability of a device. */
export interface DeviceStatus<Device extends string> {
  /** The device in question. */
  readonly device: Device;
  /** Whether it can run a graph here. */
  readonly available: boolean;
  /** Reason why the device cannot run a graph; absent if it can. */
  readonly reason?: string;
}

/** Size and hash of a file, to be compared with the manifest; without a hash only the size is compared. */
export interface FoundFile {
  /** Size in bytes. */
  readonly size: number;
  /** SHA-256 of the file, lower-case hexadecimal. */
  readonly sha256?: string;
}

/** Describes how a file differs from the manifest, in words that follow its name; `undefined` if it does not. */
export function integrityFault(found: FoundFile, expected: ManifestFile): string | undefined {
  if (found.size !== expected.size) {
    const how = found.size < expected.size ? "is truncated" : "is too long";
    return `${how}: it has ${found.size} bytes, ${MANIFEST_FILE} says ${expected.size}`;
  }
  if (found.sha256 === undefined || found.sha256 === expected.sha256) return undefined;
  return `is damaged or was changed: its SHA-256 is ${found.sha256}, ${MANIFEST_FILE} says ${expected.sha256}`;
}
