/**
 * Tries devices in processes of their own: a driver that crashes, hangs or prints warnings then costs this process
 * nothing.
 */
import { stripVTControlCharacters } from "node:util";
import { askProcess } from "./ask-process.js";
import {
  type Device,
  type DeviceStatus,
  devices,
  installedDevices,
  missingProvider,
  whyUnavailable,
} from "./devices.js";
import { DeviceUnavailableError } from "./errors.js";

/** Options of {@link probeDevice}. */
export interface ProbeOptions {
  /** Environment of the process, such as other library paths; by default that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Milliseconds that a device may take to run its graph, {@link PROBE_TIME_LIMIT} by default. */
  readonly timeLimit?: number | undefined;
}

/** Milliseconds that a device may take by default. Loading CUDA's libraries from a cold disk takes many seconds. */
export const PROBE_TIME_LIMIT = 60_000;

/**
 * Runs a one-node graph on `device` and says whether that worked. Devices other than the CPU are tried in a process of
 * their own: a crash, a hang and what drivers print are part of the status. Nothing is thrown.
 */
export async function probeDevice(device: Device, options: ProbeOptions = {}): Promise<DeviceStatus> {
  const missing = missingProvider(device);
  if (missing !== undefined) return { device, available: false, reason: missing };
  if (device === "cpu") return statusOf(device, await whyUnavailable(device));
  // This is the built file also in tests, which otherwise run the sources: Node 20 cannot run TypeScript.
  const program = new URL("../dist/device-probe-process.js", import.meta.url);
  const { timeLimit = PROBE_TIME_LIMIT, env } = options;
  const { printed, ...result } = await askProcess<{ reason?: string }>(program, device, { env, timeLimit });
  return statusOf(device, "answer" in result ? result.answer.reason : result.failure, printed);
}

/** Tries each device, one after the other, by {@link probeDevice}. */
export async function listDevices(options: ProbeOptions = {}): Promise<DeviceStatus[]> {
  const statuses: DeviceStatus[] = [];
  for (const device of devices) statuses.push(await probeDevice(device, options));
  return statuses;
}

/**
 * Tries `device` by {@link probeDevice}.
 *
 * @throws {DeviceUnavailableError} if it cannot run a graph
 */
export async function requireProbedDevice(device: Device, options: ProbeOptions = {}): Promise<void> {
  const status = await probeDevice(device, options);
  if (status.available) return;
  throw new DeviceUnavailableError(device, `${status.reason}${printedMeanwhile(status)}`, installedDevices());
}

/** Characters of what was printed that {@link printedMeanwhile} shows. */
const MOST_SHOWN = 500;

/**
 * The start of what was printed while a device was tried, on one line and in brackets; empty if nothing was, or if the
 * reason quotes it.
 */
export function printedMeanwhile({ printed, reason }: DeviceStatus): string {
  if (printed === undefined) return "";
  const line = printed.replaceAll(/\s+/g, " ");
  if (reason?.includes(line)) return "";
  return ` (printed meanwhile: ${line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN)}…` : line})`;
}

function statusOf(device: Device, reason: string | undefined, raw = ""): DeviceStatus {
  const printed = withoutMarks(raw);
  return {
    device,
    available: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    ...(printed === "" ? {} : { printed }),
  };
}

/** What was printed, without the colours, times and source locations of onnxruntime and Dawn, and each line once. */
function withoutMarks(printed: string): string {
  const text = stripVTControlCharacters(printed)
    .replaceAll(/^\d{4}-\d\d-\d\d [\d:.]+ \[[A-Z]:onnxruntime:[^\]]*\] /gm, "")
    .replaceAll(/\/onnxruntime_src\/.*?\[ONNXRuntimeError\] : \d+ : \w+ : /g, "")
    .replaceAll(/\s+at \S+ \(\S+:\d+\)$/gm, "");
  return [...new Set(text.split("\n"))].join("\n").trim();
}
