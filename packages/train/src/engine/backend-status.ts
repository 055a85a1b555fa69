/** The backends that can run on this machine, and why the others cannot. */
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

/** Tries each of `backends`. Those with installed native packages are tried in processes of their own. */
export async function listBackends(backends: readonly Backend[]): Promise<BackendStatus[]> {
  const statuses: BackendStatus[] = [];
  for (const backend of backends) {
    const answer = await (hasPeers(backend) ? answerTrialApart({ backend }) : answerTrial({ backend }));
    statuses.push(
      "reason" in answer ? { backend, available: false, reason: answer.reason } : { backend, available: true },
    );
  }
  return statuses;
}

/** Whether `backend` needs optional peer packages and all of them are installed. */
function hasPeers(backend: Backend): boolean {
  if (tracedDevice(backend) !== undefined) return false;
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
