/** Which backends can run here, and why the others cannot. */
import { type Backend, tracedDevice } from "./backends.js";
import { type EagerBackend, peersOf } from "./tfjs-backends.js";
import { answerTrial, answerTrialApart } from "./trial.js";

export interface BackendStatus {
  readonly backend: Backend;
  /** Whether it was loaded and tried just now. */
  readonly available: boolean;
  /** What is missing, and how to get it; absent if available. */
  readonly reason?: string;
}

/** Tries `backends`, those with native peers each in a process of its own. */
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

/** Whether `backend` has optional peers and they are installed. */
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
