/** Ctrl-C and its like as an AbortSignal: the first asks a command to stop in good order, the second ends the process. */
import { StoppedError, type StopSignal } from "./failures.js";

export interface Stopping extends Disposable {
  /** Aborts at the first signal, with a {@link StoppedError} as its reason. */
  readonly signal: AbortSignal;
}

/** Listens until it is disposed of. */
export function listenForStop(): Stopping {
  const controller = new AbortController();
  const stopListening = (): void => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
  const stop = (name: NodeJS.Signals): void => {
    // Without a listener, the system's own way of ending the process is back.
    stopListening();
    controller.abort(new StoppedError(name as StopSignal));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return { signal: controller.signal, [Symbol.dispose]: stopListening };
}
