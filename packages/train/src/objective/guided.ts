/**
 * The estimator that learns the count from the evidence of the trajectory at first, and ends as `marginal`.
 *
 * Under the gradient of the ELBO alone, presence is slow to follow the drawing. At first patches are blurred, a second one on the
 * same object helps, and presence learns to draw every image in parts. A prior that forbids this soon makes presence sure that there
 * is one object at most, and probabilities near 0 have no gradient. The evidence says at once which count is best, however sure
 * presence is of another.
 *
 * Its loss is w (PRESENCE_WEIGHT · presenceLoss - evidenceBound) - (1 - w) ELBO, where w falls from 1 to 0.
 */
import * as tf from "@tensorflow/tfjs";
import { countPriorSchedule, type Estimator, type Loss } from "./estimator.js";
import { evidenceBound, PRESENCE_WEIGHT, presenceLoss } from "./evidence.js";
import { elboTerms, expectedParts, marginal, trajectoryOf } from "./marginal.js";

/** The estimator whose count follows the evidence at first, and the ELBO's gradient in the end. */
export const guided: Estimator = {
  name: "guided",
  composes: false,
  parameters: marginal.parameters,
  noise: marginal.noise,
  schedules: (config) => ({ ...countPriorSchedule(config), evidenceWeight: [] }),

  loss(p, config, image, noise, { logCountPrior, evidenceWeight }): Loss {
    if (evidenceWeight === undefined) throw new Error("The schedule evidenceWeight is missing");
    const trajectory = trajectoryOf(p, config, image, noise);
    const terms = elboTerms(trajectory, logCountPrior);
    const elbo = tf.mean(terms.elbo) as tf.Scalar;
    const presence = presenceLoss(trajectory, terms);
    const byEvidence = tf.sub(tf.mul(presence, PRESENCE_WEIGHT), evidenceBound(terms));
    const loss = tf.sub(tf.mul(evidenceWeight, byEvidence), tf.mul(tf.sub(1, evidenceWeight), elbo)) as tf.Scalar;
    return { loss, elbo, metrics: { ...expectedParts(terms), presenceLoss: presence } };
  },
};
