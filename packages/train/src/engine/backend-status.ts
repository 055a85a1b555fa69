/** The backends that can run on this machine, and why the others cannot. */
import { type DeviceStatus, PROBE_TIME_LIMIT, printedMeanwhile, probeDevice } from "@air-onnx/runtime-node";
import { BackendUnavailableError } from "../errors.js";
import { type Backend, tracedDevice } from "./backends.js";
import { type EagerBackend, peersOf } from "./tfjs-backends.js";
import { answerTrial, answerTrialApart } from "./trial.js";

/** Whether a backend can run on this machine. */
export interface BackendStatus {
  /** The backend that was tried. */
  readonly backend: Backend;
  /** Whether loading and trying it succeeded. */
  readonly available: boolean;
  /** What is missing and how to get it; absent if the backend is available. */
  readonly reason?: string;
}

/**
 * Tries each of `backends`, as {@link requireProbedBackend} does.
 *
 * @param known devices that have just been tried; they are not tried again
 */
export async function listBackends(
  backends: readonly Backend[],
  known: readonly DeviceStatus[] = [],
): Promise<BackendStatus[]> {
  const statuses: BackendStatus[] = [];
  for (const backend of backends) {
    const reason = await whyNot(backend, known);
    statuses.push(reason === undefined ? { backend, available: true } : { backend, available: false, reason });
  }
  return statuses;
}

/**
 * Checks that `backend` can run on this machine. GPUs and native packages are tried in a process of their own: a driver
 * that crashes, hangs or prints warnings there costs this process nothing.
 *
 * @throws {BackendUnavailableError} if it cannot; the error says what is missing and how to get it
 */
export async function requireProbedBackend(backend: Backend): Promise<void> {
  const device = tracedDevice(backend);
  const status = device === undefined ? undefined : await probeDevice(device);
  const reason = await whyNot(backend, status ? [status] : []);
  if (reason === undefined) return;
  throw new BackendUnavailableError(backend, `${reason}${status ? printedMeanwhile(status) : ""}`);
}

async function whyNot(backend: Backend, known: readonly DeviceStatus[]): Promise<string | undefined> {
  const device = tracedDevice(backend);
  if (device !== undefined) {
    return (known.find((status) => status.device === device) ?? (await probeDevice(device))).reason;
  }
  const answer = await (hasPeers(backend)
    ? answerTrialApart({ backend }, { timeLimit: PROBE_TIME_LIMIT })
    : answerTrial({ backend }));
  return "reason" in answer ? answer.reason : undefined;
}

/** Whether `backend` needs optional peer packages and all of them are installed. */
function hasPeers(backend: Backend): boolean {
  const peers = peersOf[backend as EagerBackend];
  return peers.length > 0 && peers.every(isInstalled);
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
