/** The program of a trial's process: it receives a request from its parent process and answers it. */
import { answerTrial, type TrialRequest } from "./trial.js";

async function answer(request: TrialRequest): Promise<void> {
  process.send!(await answerTrial(request));
}

process.once("message", (request) => void answer(request as TrialRequest));
process.once("disconnect", () => process.exit(0));
