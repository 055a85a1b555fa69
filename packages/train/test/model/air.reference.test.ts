import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, it } from "vitest";
import { decode, imageGatesOf, inferStep } from "../../src/model/air.js";
import { write } from "../../src/model/attention.js";
import { logSigmoid } from "../../src/model/distributions.js";
import { drawOn, logLikelihood } from "../../src/model/likelihood.js";
import type { LstmState } from "../../src/model/lstm.js";
import { klFromPrior } from "../../src/model/posterior.js";
import { expectClose } from "./close.js";
import { forwardReferences, readReference, referenceConfig, referenceParameters, tensor } from "./reference.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

describe.each(forwardReferences)("one forward pass of the reference implementation, %s", (file) => {
  const reference = readReference(file);
  const config = referenceConfig(reference);

  it("is reproduced: state, latents, KLs, canvas, log-likelihood and ELBO", () => {
    const p = referenceParameters(reference.parameters, config);
    const image = tensor(reference.inputs.x);
    const batch = image.shape[0]!;
    const [epsWhere, epsWhat, uniform] = (["eps_where", "eps_what", "u_pres"] as const).map((name) =>
      tf.unstack(tensor(reference.inputs[name])),
    );

    const gates = imageGatesOf(p, config, image);
    let previous: LstmState | undefined;
    let presenceBefore: tf.Tensor = tf.ones([batch]);
    let canvas: tf.Tensor = tf.zeros(image.shape);
    let kl: tf.Tensor = tf.zeros([batch]);
    for (const [t, recorded] of reference.steps.entries()) {
      const step = inferStep(p, config, image, gates, previous, canvas, {
        epsWhere: epsWhere![t]!,
        epsWhat: epsWhat![t]!,
      });
      const drawn = tf.cast(tf.less(uniform![t]!, tf.sigmoid(step.presenceLogit)), "float32");
      const presence = tf.mul(presenceBefore, drawn);
      const patch = decode(p, config, step.zWhat.sample);
      const layer = write(patch, step.zWhere.sample, config.imageSize);
      canvas = drawOn(config, canvas, tf.mul(layer, tf.reshape(presence, [batch, 1, 1, 1])));

      const logPresent = logSigmoid(step.presenceLogit);
      const logAbsent = tf.sub(logPresent, step.presenceLogit);
      const probability = tf.exp(logPresent);
      const prior = config.prior.presence;
      const klPresence = tf.mul(
        presenceBefore,
        tf.add(
          tf.mul(probability, tf.sub(logPresent, Math.log(prior))),
          tf.mul(tf.sub(1, probability), tf.sub(logAbsent, Math.log(1 - prior))),
        ),
      );
      const klWhere = tf.mul(presence, klFromPrior(step.zWhere));
      const klWhat = tf.mul(presence, klFromPrior(step.zWhat));
      kl = tf.addN([kl, klPresence, klWhere, klWhat]);

      const where = `step ${t + 1}`;
      expectClose(tf.reshape(presence, [batch, 1]), tensor(recorded.z_pres!), 0, `${where}: z_pres`);
      expectClose(step.zWhere.sample, tensor(recorded.z_where!), 1e-4, `${where}: z_where`);
      expectClose(step.zWhat.sample, tensor(recorded.z_what!), 1e-4, `${where}: z_what`);
      expectClose(step.memory!.hidden, tensor(recorded.h!), 1e-4, `${where}: hidden`);
      expectClose(step.memory!.cell, tensor(recorded.c!), 1e-4, `${where}: cell`);
      expectClose(klPresence, tensor(recorded.kl_pres!), 1e-4, `${where}: kl_pres`);
      expectClose(klWhere, tensor(recorded.kl_where!), 1e-4, `${where}: kl_where`);
      expectClose(klWhat, tensor(recorded.kl_what!), 1e-4, `${where}: kl_what`);

      previous = {
        hidden: step.memory!.hidden,
        cell: step.memory!.cell,
        zWhere: step.zWhere.sample,
        zWhat: step.zWhat.sample,
        presence: tf.reshape(presence, [batch, 1]),
      };
      presenceBefore = presence;
    }

    const likelihood = logLikelihood(config, image, canvas);
    expectClose(canvas, tensor(reference.outputs.canvas!), 1e-4, "canvas");
    expectClose(likelihood, tensor(reference.outputs.log_likelihood!), 1e-4, "log_likelihood");
    expectClose(tf.sub(likelihood, kl), tensor(reference.outputs.elbo!), 1e-4, "elbo");
  });
});
