/**
 * Ctrl-C and its like, such as a terminal that is closed, as an AbortSignal: the first asks a command to stop in good order, the
 * second ends the process.
 */
import { StoppedError, type StopSignal } from "./failures.js";

const stopSignals: readonly StopSignal[] = ["SIGHUP", "SIGINT", "SIGTERM"];

export interface Stopping extends Disposable {
  /** Aborts at the first signal, with a {@link StoppedError} as its reason. */
  readonly signal: AbortSignal;
}

/** Listens until it is disposed of. */
export function listenForStop(): Stopping {
  const controller = new AbortController();
  const stopListening = (): void => {
    for (const name of stopSignals) process.off(name, stop);
  };
  const stop = (name: NodeJS.Signals): void => {
    // Without a listener, the system's own way of ending the process is back.
    stopListening();
    controller.abort(new StoppedError(name as StopSignal));
  };
  for (const name of stopSignals) process.on(name, stop);
  return { signal: controller.signal, [Symbol.dispose]: stopListening };
}
