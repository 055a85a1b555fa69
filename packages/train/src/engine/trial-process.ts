/** The process of one trial: it gets a request from its parent, answers and ends. */
import { answerTrial, type TrialRequest } from "./trial.js";

process.once("message", async (request) => {
  const answer = await answerTrial(request as TrialRequest);
  process.send!(answer, () => {
    // Native backends keep threads and devices that would keep the process, and some crash when they are torn down.
    process.disconnect();
    process.exit(0);
  });
});
process.once("disconnect", () => process.exit(0));
