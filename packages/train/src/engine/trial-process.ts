/** The process of one trial: it gets a request from its parent, answers and ends. */
import { answerTrial, type TrialRequest } from "./trial.js";

async function answer(request: TrialRequest): Promise<void> {
  process.send!(await answerTrial(request), () => {
    // Native backends keep threads and devices that would keep the process, and some crash when they are torn down.
    process.disconnect();
    process.exit(0);
  });
}

process.once("message", (request) => void answer(request as TrialRequest));
process.once("disconnect", () => process.exit(0));
