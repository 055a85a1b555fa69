/** The program of a trial's process: it receives a request from its parent process, answers it and exits. */
import { answerTrial, type TrialRequest } from "./trial.js";

async function answer(request: TrialRequest): Promise<void> {
  process.send!(await answerTrial(request), () => {
    // Threads and devices of native backends would keep the process alive, and some backends crash when they are
    // unloaded.
    process.disconnect();
    process.exit(0);
  });
}

process.once("message", (request) => void answer(request as TrialRequest));
process.once("disconnect", () => process.exit(0));
